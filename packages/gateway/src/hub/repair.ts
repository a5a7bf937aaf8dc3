// When entries may have been missed: compares a channel's head with the broker's and reads what is absent. What comes
// meanwhile waits, so nothing is ever sent past a hole.
import type { Broker, Clock } from "@trunkline/core/ports";
import { decideVerdict, reaches, startOf } from "../verdict.ts";
import { type LineBreak, outgoingOf } from "./event-text.ts";
import { readWithSnapshot } from "./history.ts";
import type { HubChannel } from "./hub-channel.ts";

/** How soon a check that the broker did not answer is made again, in milliseconds. */
const retryMs = 1000;

export interface RepairOptions {
  readonly broker: Broker;
  readonly clock: Clock;
  /** Something is pending on a channel. */
  readonly onPending: (channel: HubChannel) => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Where a channel begins that has just been subscribed: at the broker's head. Rejects when the broker can't be asked.
 * @param wholeState its state line begins at 0, and is read: `channel.repair` is the promise of it
 */
export async function findHead(channel: HubChannel, options: RepairOptions, wholeState = false): Promise<void> {
  // What came before the head is asked for is part of it, or of a life of the stream that is over.
  channel.hold();
  const [head] = await options.broker.heads([channel.name]);
  if (channel.closed || head === undefined) return;
  const { state, ...log } = head;
  channel.begin(wholeState ? log : head);
  if (wholeState && state !== undefined) channel.doubtAgain = true;
  if (channel.doubtAgain) channel.hold();
  if (channel.release() || channel.doubtAgain) doubt(channel, options);
  if (channel.pending.length > 0) options.onPending(channel);
}

/** Checks `channel` now, or once more if it is being checked. `channel.repair` is the promise of it. */
export function doubt(channel: HubChannel, options: RepairOptions): void {
  channel.doubtAgain = true;
  // A channel that is being opened holds its entries already, and reads the head anyway.
  if (channel.repair !== null || channel.held !== null) return;
  channel.hold();
  start(channel, options);
}

function start(channel: HubChannel, options: RepairOptions): void {
  channel.repair = repair(channel, options);
  // Reported there; who waits for it hears of it too.
  channel.repair.catch(() => {});
}

async function repair(channel: HubChannel, options: RepairOptions): Promise<void> {
  try {
    do {
      channel.doubtAgain = false;
      await readMissing(channel, options);
    } while (channel.doubtAgain && !channel.closed);
  } catch (error) {
    options.onError(error);
    // Its entries stay held until the broker answers.
    options.clock.setTimer(() => {
      if (!channel.closed) start(channel, options);
    }, retryMs);
    throw error;
  }
  channel.repair = null;
  const again = channel.release();
  if (channel.pending.length > 0) options.onPending(channel);
  if (again) doubt(channel, options);
}

async function readMissing(channel: HubChannel, { broker, onPending }: RepairOptions): Promise<void> {
  // Deletions that are forgotten while the whole state line is being read were never told.
  let snapshot = false;
  for (;;) {
    const { head, label } = channel;
    // What came before this is asked is part of the answer, or of a life of the stream that is over.
    channel.hold();
    const [page, whole] = await readWithSnapshot(broker, channel.name, head, snapshot);
    if (channel.closed) return;
    const verdict = decideVerdict(label, head, page, whole);
    snapshot ||= whole;
    if (verdict.verdict === "gap" || verdict.verdict === "snapshot") {
      channel.break(verdict satisfies LineBreak, startOf(verdict, head));
    }
    const log = verdict.verdict === "gap" ? { entries: [] } : page.log;
    for (const item of outgoingOf(channel, channel.head, { log, state: page.state })) channel.push(item);
    if (channel.pending.length > 0) onPending(channel);
    if (reaches(channel.head, page.head) || channel.head === head) return;
  }
}
