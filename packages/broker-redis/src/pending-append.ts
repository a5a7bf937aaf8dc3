// An append that waits for its place, and what a script is told of a batch of them.
import { hash } from "node:crypto";
import type { GatewayError } from "@trunkline/core/errors";
import type { Append, Appended } from "@trunkline/core/ports";
import { untraced } from "@trunkline/core/wire";

export interface PendingAppend {
  readonly append: Append;
  /** 32 random bits, so that the same offset on two forks has the same tag once in four billion times. */
  readonly tag: number;
  /** Key of its publish id, when it has one. */
  readonly dedupeKey: string | null;
  /** By `clock.now()`. */
  readonly acceptedAt: number;
  /** What became of a first sending is not known. */
  readonly resent?: boolean;
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: GatewayError) => void;
}

/**
 * Completes the append script's input, which holds the number of the fixed keys and those keys: dedupe keys, `head` (ARGV 1–2), the
 * number of the fixed keys, then kind, tag, body and so on of each append. One array, since this is on the way of every event.
 */
export function addBatch(
  input: (string | number)[],
  head: readonly string[],
  batch: readonly PendingAppend[],
  now: number,
): void {
  const fixed = input.length - 1;
  for (const { dedupeKey } of batch) if (dedupeKey !== null) input.push(dedupeKey);
  input[0] = input.length - 1;
  input.push(...head, fixed);
  for (const { append, tag, dedupeKey, acceptedAt } of batch) {
    const { state, body, retryMs } = append;
    input.push(dedupeKey === null ? lineOf(append) : `${lineOf(append)}d`, tag, body);
    if (state !== undefined) input.push(state.key);
    if (state?.maxKeys !== undefined) input.push(state.maxKeys);
    // What it waited here counts too.
    if (dedupeKey !== null)
      input.push(digestOf(append), retryMs === undefined ? -1 : Math.floor(retryMs + now - acceptedAt));
  }
}

function lineOf({ state }: Append): string {
  if (state === undefined) return "l";
  if (state.maxKeys === undefined) return state.deleted ? "x" : "s";
  return state.deleted ? "X" : "S";
}

/** What the append script answered of one append; `tooMany`: the stream has as many state keys as it may. */
export type Answer =
  | { readonly kind: "appended" | "duplicate"; readonly offset: number; readonly tag: number }
  | { readonly kind: "conflict" | "unknown" | "tooMany" };

const kinds = ["appended", "duplicate", "conflict", "unknown", "tooMany"] as const;

/** Reads the append script's answer; null when it is not one for `count` appends. */
export function readAnswers(
  value: unknown,
  count: number,
): { readonly birth: string; readonly answers: readonly Answer[] } | null {
  if (!Array.isArray(value) || value.length !== 1 + 3 * count) return null;
  const fields = value as readonly unknown[];
  const answers: Answer[] = [];
  for (let at = 1; at < fields.length; at += 3) {
    const kind = kinds[(fields[at] as number) - 1] ?? "unknown";
    if (kind !== "appended" && kind !== "duplicate") answers.push({ kind });
    else answers.push({ kind, offset: fields[at + 1] as number, tag: Number(fields[at + 2]) });
  }
  return { birth: String(fields[0]), answers };
}

/** SHA-256, of what a repetition is compared by: a window of whole bodies could hold gigabytes. */
function digestOf({ body }: Append): string {
  return hash("sha256", untraced(body), "base64");
}
