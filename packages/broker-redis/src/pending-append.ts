// An append that waits for its place, and what a script is told of a batch of them.
import { hash } from "node:crypto";
import type { GatewayError } from "@trunkline/core/errors";
import type { Append, Appended } from "@trunkline/core/ports";

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

/** The part of the append script's arguments that is the batch's own: dedupe keys, then kind, tag, body and so on of each. */
export function batchArguments(
  batch: readonly PendingAppend[],
  now: number,
): { readonly keys: readonly string[]; readonly args: readonly (string | number)[] } {
  const keys: string[] = [];
  const args: (string | number)[] = [];
  for (const { append, tag, dedupeKey, acceptedAt } of batch) {
    const { state, body, retryMs } = append;
    const line = state === undefined ? "l" : state.deleted ? "x" : "s";
    args.push(dedupeKey === null ? line : `${line}d`, tag, body);
    if (state !== undefined) args.push(state.key);
    if (dedupeKey === null) continue;
    keys.push(dedupeKey);
    // What it waited here counts too.
    args.push(digestOf(append), retryMs === undefined ? -1 : Math.floor(retryMs + now - acceptedAt));
  }
  return { keys, args };
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

/** SHA-256: a window of whole bodies could hold gigabytes. */
function digestOf({ body }: Append): string {
  return hash("sha256", body, "base64");
}
