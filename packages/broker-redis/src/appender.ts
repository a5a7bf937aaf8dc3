// Sends batches of appends, and finds out what became of one whose connection was lost.
import { GatewayError } from "@trunkline/core/errors";
import type { Page, ReadFrom, StreamName } from "@trunkline/core/ports";
import { tagText } from "./envelope.ts";
import { LostError, asPortError, outcomeUnknown, unavailable } from "./error-mapping.ts";
import type { Answered, Fleet } from "./fleet.ts";
import { streamKeys } from "./keys.ts";
import type { KnownHeads } from "./known-heads.ts";
import { type KnownHead, fatesOf } from "./lost-batch.ts";
import type { RedisBrokerSettings } from "./options.ts";
import { type Answer, type PendingAppend, addBatch, readAnswers } from "./pending-append.ts";
import type { Script } from "./scripts/script.ts";

export interface AppenderOptions {
  readonly settings: RedisBrokerSettings;
  readonly fleet: Fleet;
  readonly slotOf: (stream: StreamName) => number;
  readonly heads: KnownHeads;
  readonly script: Script;
  /** ARGV 1–2 of every script. */
  readonly head: (runId: string) => readonly string[];
  readonly epochOf: (birth: string, runId: string) => string;
  readonly read: (stream: StreamName, from: ReadFrom, limit: number, deadline: number) => Promise<Page>;
}

/** Entries looked through for a lost append. */
const searchLimit = 1000;
const searchRetryMs = 20;

export class Appender {
  readonly #options: AppenderOptions;

  constructor(options: AppenderOptions) {
    this.#options = options;
  }

  /** Resolves or rejects every append of `batch`. Never rejects itself. */
  async commit(stream: StreamName, batch: readonly PendingAppend[]): Promise<void> {
    let left = batch;
    while (left.length > 0) {
      try {
        left = await this.#send(stream, left);
      } catch (error) {
        for (const each of left) each.reject(asPortError(error));
        return;
      }
    }
  }

  /** Answers what has to be sent again. */
  async #send(stream: StreamName, batch: readonly PendingAppend[]): Promise<readonly PendingAppend[]> {
    const known = this.#options.heads.get(stream);
    const sending = { runId: "" };
    try {
      // The names of the state line are left out where they are not needed: most events are of the log.
      const whole = known === null || batch.some(({ append }) => append.state !== undefined);
      let answer = await this.#run(stream, batch, whole, sending);
      if (Array.isArray(answer.value) && answer.value.length === 0)
        answer = await this.#run(stream, batch, true, sending);
      const read = readAnswers(answer.value, batch.length);
      if (read === null) throw outcomeUnknown("Redis answered the append script with something else");
      const epoch = this.#options.epochOf(read.birth, answer.runId);
      for (const [index, each] of batch.entries()) this.#settle(stream, each, read.answers[index] as Answer, epoch);
      return [];
    } catch (error) {
      if (!(error instanceof LostError)) throw error;
      return this.#recover(stream, batch, known, sending.runId);
    }
  }

  #run(
    stream: StreamName,
    batch: readonly PendingAppend[],
    whole: boolean,
    sending: { runId: string },
  ): Promise<Answered> {
    const { settings, fleet, slotOf, script, head } = this.#options;
    const { clock, prefix, whenAway, waitMs } = settings;
    const { log, meta, values, order, graves } = streamKeys(prefix, stream);
    const now = clock.now();
    const deadline = whenAway === "wait" ? (batch[0]?.acceptedAt ?? 0) + waitMs : 0;
    return fleet.run(
      slotOf(stream),
      (connection, asking) => {
        sending.runId = connection.info.runId;
        const input: (string | number)[] = whole ? [5, log, meta, values, order, graves] : [2, log, meta];
        addBatch(input, head(sending.runId), batch, now);
        return asking ? connection.runAsking(script, input) : connection.run(script, input);
      },
      deadline,
    );
  }

  #settle(stream: StreamName, pending: PendingAppend, answer: Answer, epoch: string): void {
    switch (answer.kind) {
      case "appended":
      case "duplicate": {
        const { offset, tag } = answer;
        const log = pending.append.state === undefined;
        this.#options.heads.note(stream, epoch, log ? offset : 0, log ? 0 : offset);
        // A duplicate of its own first sending, whose answer was lost, is no duplicate to the caller.
        const kind = tag === pending.tag ? "appended" : "duplicate";
        return pending.resolve({ kind, position: { epoch, offset, tag: tagText(tag) } });
      }
      case "conflict":
        return pending.resolve({ kind: "conflict" });
      case "unknown":
        if (pending.resent === true) return pending.reject(lostUnknown());
        return pending.resolve({ kind: "unknown" });
      case "tooMany":
        return pending.reject(tooManyKeys(pending.append.state?.maxKeys ?? this.#options.settings.maxKeys));
      default:
        return unreachable(answer);
    }
  }

  /** The connection was lost while `batch` was under way. Order is kept: the stream's next batch waits for this. */
  async #recover(
    stream: StreamName,
    batch: readonly PendingAppend[],
    known: KnownHead | null,
    sentTo: string,
  ): Promise<readonly PendingAppend[]> {
    const { clock, whenAway, waitMs } = this.#options.settings;
    const deadline = clock.now() + waitMs;
    const found = await this.#search(stream, known, sentTo, deadline);
    const fates = found === null ? null : fatesOf(batch, known, found.page, found.certain);
    const again: PendingAppend[] = [];
    for (const [index, each] of batch.entries()) {
      const fate = fates?.[index] ?? { kind: "unknown" };
      const wait = whenAway === "wait" && found !== null;
      if (fate.kind === "stored") each.resolve({ kind: "appended", position: fate.position });
      // With an id, sending it again is safe: it is stored once, or the outcome is unknown.
      else if (wait && (fate.kind === "absent" || each.dedupeKey !== null))
        again.push(resentOf(each, fate.kind === "absent"));
      else if (fate.kind === "absent")
        each.reject(unavailable("the connection was lost under way, and nothing was stored"));
      else each.reject(lostUnknown());
    }
    return again;
  }

  /** What the stream holds behind `known`, once Redis is back; null when it does not come back in time. */
  async #search(
    stream: StreamName,
    known: KnownHead | null,
    sentTo: string,
    deadline: number,
  ): Promise<{ readonly page: Page; readonly certain: boolean } | null> {
    const { settings, fleet, slotOf, read, epochOf } = this.#options;
    const { durable } = settings;
    const slot = slotOf(stream);
    const from = { offset: known?.offset ?? 0, revision: known?.revision ?? 0 };
    for (;;) {
      try {
        await fleet.commands(slot, deadline);
        // Nothing of the lost connection may come after the look, and the look must be at the process that was sent to.
        const fenced = fleet.ownerOf(slot)?.fenced === true;
        const page = await read(stream, from, searchLimit, deadline);
        const certain = fenced && (durable || page.head.epoch === epochOf(birthOf(page.head.epoch), sentTo));
        if (page.log.floor <= from.offset) return { page, certain };
        return { page: await read(stream, { ...from, offset: page.log.floor }, searchLimit, deadline), certain };
      } catch {
        if (settings.clock.now() >= deadline || fleet.closed) return null;
        await new Promise<void>((resolve) => void settings.clock.setTimer(resolve, searchRetryMs));
      }
    }
  }
}

/** @param absent its first sending came to nothing, so that this one is the first */
function resentOf(pending: PendingAppend, absent: boolean): PendingAppend {
  if (absent) return pending;
  const { append } = pending;
  return { ...pending, resent: true, append: { ...append, retryMs: append.retryMs ?? 0 } };
}

function birthOf(epoch: string): string {
  return epoch.slice(epoch.indexOf(".") + 1);
}

function lostUnknown(): GatewayError {
  return outcomeUnknown(
    "the connection to Redis was lost while the event was being stored, and it can't be told whether it was",
  );
}

function tooManyKeys(maxKeys: number): GatewayError {
  return new GatewayError(
    "gateway.limit",
    `key: expected at most ${maxKeys} keys in a stream, got one more; delete some, or raise state.maxKeys`,
  );
}

function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
