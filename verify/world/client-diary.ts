// What one client saw, stream by stream, and how long each of its returns took.
import type { Client, EventMeta, Gap, Resumed } from "trunkline";
import type { Seen } from "../ledger/record.ts";
import type { Numbered } from "./contract.ts";
import type { Replay } from "./fleet.ts";

export class ClientDiary {
  readonly name: number;
  readonly client: Client;
  readonly seen = new Map<string, Seen[]>();
  readonly replays: Replay[] = [];
  /** Everything written down so far. */
  entries = 0;
  /** The return that is under way: what is still to come, by channel. */
  #return: { readonly connectedAt: number; readonly left: Map<string, number> } | null = null;

  constructor(name: number, client: Client) {
    this.name = name;
    this.client = client;
    client.on("*", (data, meta) => this.#onEvent(data as Numbered, meta));
    client.on("gap", (gap) => this.#onGap(gap));
    client.on("resumed", (news) => this.#onResumed(news));
    client.on("status", (status, previous) => {
      this.#return = null;
      if (status !== "connected" || previous !== "reconnecting") return;
      this.#return = { connectedAt: now(), left: new Map() };
      // Its verdicts are told in this very turn.
      queueMicrotask(() => this.#settle());
    });
    client.on("error", () => {});
  }

  /** Resolves once it is owed everything on `channels` from now on. @throws when one of them has no position */
  async open(channels: readonly string[]): Promise<void> {
    await this.client.connect();
    const { streams } = this.client.health();
    for (const channel of channels) {
      const position = streams.find((stream) => stream.channel === channel)?.position;
      if (position === null || position === undefined)
        throw new Error(`client ${this.name}: expected a position on ${channel}, got none`);
      const { epoch, offset, state } = position;
      this.#write(channel, { kind: "start", epoch, offset, revision: state?.revision ?? 0 });
    }
  }

  #write(channel: string, entry: Seen): void {
    this.entries += 1;
    const list = this.seen.get(channel);
    if (list === undefined) this.seen.set(channel, [entry]);
    else list.push(entry);
  }

  #onEvent({ n }: Numbered, meta: EventMeta): void {
    const { channel, offset, revision, key = "", deleted = false } = meta;
    if (offset !== undefined) this.#write(channel, { kind: "event", n, offset });
    else if (revision !== undefined) this.#write(channel, { kind: "change", n, revision, key, deleted });
    const left = this.#return?.left.get(channel);
    if (left === undefined) return;
    if (left > 1) this.#return?.left.set(channel, left - 1);
    else {
      this.#return?.left.delete(channel);
      this.#settle();
    }
  }

  #onGap({ channel, position, from, to, reason, changes = 0, snapshot }: Gap): void {
    const { epoch, offset } = position;
    this.#write(channel, { kind: "gap", reason, from, to, epoch, offset });
    if (snapshot) this.#write(channel, { kind: "snapshot" });
    if (changes > 0) this.#return?.left.set(channel, changes);
  }

  #onResumed({ channel, count, changes = 0, verdict }: Resumed): void {
    if (verdict === "snapshot") this.#write(channel, { kind: "snapshot" });
    if (count + changes > 0) this.#return?.left.set(channel, count + changes);
  }

  #settle(): void {
    if (this.#return === null || this.#return.left.size > 0) return;
    this.replays.push({ client: this.name, connectedAt: this.#return.connectedAt, caughtUpAt: now() });
    this.#return = null;
  }
}

/** The same in all processes of one machine. */
function now(): number {
  return performance.timeOrigin + performance.now();
}
