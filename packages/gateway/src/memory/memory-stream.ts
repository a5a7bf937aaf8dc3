// One stream of the memory broker: its two lines, and who listens.
import type { Append, Entry, Page, ReadFrom } from "@trunkline/core/ports";
import type { Position } from "@trunkline/core/wire";
import { StateLine } from "./state-line.ts";
import { StreamHistory } from "./stream-history.ts";

export class MemoryStream<Session> {
  readonly epoch: string;
  readonly log = new StreamHistory();
  readonly state = new StateLine();
  readonly sessions = new Set<Session>();
  /** `clock.now()` of the last append or unsubscribe. */
  usedAt: number;

  constructor(epoch: string, now: number) {
    this.epoch = epoch;
    this.usedAt = now;
  }

  get head(): Position {
    const { head: offset, headTag: tag } = this.log;
    const { mark } = this.state;
    return { epoch: this.epoch, offset, tag, ...(mark !== undefined && { state: mark }) };
  }

  /** Whether anything was ever appended. */
  get used(): boolean {
    return this.log.head > 0 || this.state.mark !== undefined;
  }

  append({ body, state }: Append, tag: string, time: number): Entry {
    if (state === undefined) return this.log.append(tag, time, body);
    return this.state.put(state.key, state.deleted, tag, time, body);
  }

  trim(count: number, oldestTime: number): void {
    this.log.trim(count, oldestTime);
    this.state.trim(oldestTime);
  }

  page({ offset, revision }: ReadFrom, limit: number): Page {
    return { head: this.head, log: this.log.page(offset, limit), state: this.state.page(revision, limit) };
  }
}
