// What a frame of a client holds. Pure.
import { type ClientFrame, checkFrame, clientShapes } from "@trunkline/core/wire";
import type { Dialect } from "./dialect.ts";

/** One message of a frame. */
export type Read =
  | { readonly kind: "frame"; readonly frame: ClientFrame }
  | { readonly kind: "bad"; readonly problem: string }
  | { readonly kind: "unknown"; readonly type: string }
  /** Not of `trunkline.v1`, and no word of the gateway's. */
  | { readonly kind: "words"; readonly text: string };

const plainPong: readonly Read[] = [{ kind: "frame", frame: { type: "pong" } }];

/** The messages of one text frame, in order: at least one. Total. */
export function readFrame(dialect: Dialect, text: string): readonly Read[] {
  if (dialect === "plain" && text === "pong") return plainPong;
  if (dialect !== "v1") return [{ kind: "words", text }];
  let decoded: unknown;
  try {
    decoded = JSON.parse(text);
  } catch {
    // Not the engine's message: it quotes the text, which may hold a token.
    return [{ kind: "bad", problem: "expected JSON, got text that is none" }];
  }
  const messages: readonly unknown[] = Array.isArray(decoded) ? decoded : [decoded];
  if (messages.length === 0) return [{ kind: "bad", problem: "expected at least one message, got an empty array" }];
  return messages.map((message) => checkFrame<ClientFrame>(message, clientShapes));
}

/** How many messages a connection may send just now, as of `at`. */
export interface TokenBucket {
  readonly tokens: number;
  readonly at: number;
}

/** The bucket without `count` tokens, or null when it has fewer. It fills at `rate` per second up to `burst`. */
export function takeTokens(
  bucket: TokenBucket,
  count: number,
  now: number,
  { rate, burst }: { readonly rate: number; readonly burst: number },
): TokenBucket | null {
  const filled = Math.min(burst, bucket.tokens + (Math.max(0, now - bucket.at) * rate) / 1000);
  return filled < count ? null : { tokens: filled - count, at: now };
}
