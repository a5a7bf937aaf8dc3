// Who is on a channel, as a client that watches it is told (PROTOCOL §13), and what it heard on the way.
import type { FrameClient } from "./frame-client.ts";
import { connectV1 } from "./frame-client.ts";

export interface Seen {
  readonly id?: string;
  readonly data?: unknown;
  readonly since: number;
}

export class PresenceWatcher {
  readonly client: FrameClient;
  readonly #channel: string;

  constructor(client: FrameClient, channel: string) {
    this.client = client;
    this.#channel = channel;
  }

  /** By key, `MEMBER@GATEWAY`. */
  get keys(): ReadonlyMap<string, Seen> {
    return this.#state<Seen>(`~members/${this.#channel}`);
  }

  /** By member: what its newest key says. */
  get members(): ReadonlyMap<string, Seen> {
    return new Map([...this.keys].map(([key, seen]) => [key.slice(0, key.lastIndexOf("@")), seen]));
  }

  get ids(): readonly (string | undefined)[] {
    return [...this.members.values()].map(({ id }) => id).sort((one = "", other = "") => one.localeCompare(other));
  }

  get count(): number {
    return [...this.#state<number>(`~count/${this.#channel}`).values()].reduce((sum, each) => sum + each, 0);
  }

  /** In the order in which it was told: "+" who came, "-" who went, as merged by member. */
  get moves(): readonly string[] {
    const keys = new Map<string, string>();
    const moves: string[] = [];
    const there = (member: string): boolean => [...keys.values()].includes(member);
    for (const message of this.client.messages) {
      if (message.type !== "event" || message.channel !== `~members/${this.#channel}`) continue;
      const { key = "", deleted } = message;
      const member = key.slice(0, key.lastIndexOf("@"));
      const before = there(member);
      if (deleted) keys.delete(key);
      else keys.set(key, member);
      if (before !== there(member)) moves.push(`${before ? "-" : "+"}${member}`);
    }
    return moves;
  }

  #state<Data>(channel: string): ReadonlyMap<string, Data> {
    const state = new Map<string, Data>();
    for (const message of this.client.messages) {
      if (message.type === "verdict") {
        const begun = message.streams.some((each) => each.channel === channel && "snapshot" in each && each.snapshot);
        if (begun) state.clear();
      }
      if (message.type !== "event" || message.channel !== channel || message.key === undefined) continue;
      state.delete(message.key);
      if (message.deleted !== true) state.set(message.key, message.data as Data);
    }
    return state;
  }
}

/** A link that watches `channel`, and listens to it. */
export async function watchPresence(url: string, token: string, channel: string): Promise<PresenceWatcher> {
  const streams = [`~members/${channel}`, `~count/${channel}`].map((name) => ({ channel: name, rewind: 0 }));
  const client = await connectV1(url, { token, instance: "watcher", streams: [{ channel }, ...streams] });
  return new PresenceWatcher(client, channel);
}
