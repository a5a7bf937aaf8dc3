import type { Channel } from "@trunkline/channels";

/** What one watcher is told of who is there. */
export class PresenceDiary {
  readonly #channel: Channel;
  /** In their order: "join 7", "leave 7". */
  readonly moves: string[] = [];
  count = 0;

  constructor(channel: Channel) {
    this.#channel = channel;
    const { presence } = channel;
    presence.on("join", (member) => this.moves.push(`join ${indexOf(member)}`));
    presence.on("leave", (member) => this.moves.push(`leave ${indexOf(member)}`));
    presence.on("count", (count) => (this.count = count));
  }

  /** By their numbers. */
  get here(): ReadonlySet<number> {
    return new Set(this.#channel.presence.members.map(indexOf));
  }

  /** Whether exactly those are there that are not gone, as listed and as counted. */
  shows(members: number, gone: ReadonlySet<number>): boolean {
    const { here } = this;
    const listed = Array.from({ length: members }, (_, index) => here.has(index) !== gone.has(index));
    return here.size === members - gone.size && listed.every(Boolean) && this.count === here.size;
  }

  /** What nobody should have been told: that somebody left who did not, or came who was there. */
  flaps(gone: ReadonlySet<number>): readonly string[] {
    const expected = [...gone].map((index) => `leave ${index}`);
    const told = this.moves.filter((move) => !expected.includes(move));
    const twice = this.moves.length - new Set(this.moves).size;
    return [
      ...told.map((move) => `told "${move}", which did not happen`),
      ...(twice > 0 ? [`told ${twice} moves twice`] : []),
    ];
  }
}

function indexOf({ data }: { readonly data?: unknown }): number {
  return (data as { readonly index: number }).index;
}
