// Reading the body of a request, within limits.
import type { IncomingMessage } from "node:http";
import type { Clock } from "@trunkline/core/ports";

export interface BodyLimits {
  readonly maxBytes: number;
  /** How long a body may take to arrive, in milliseconds. */
  readonly withinMs: number;
  readonly clock: Pick<Clock, "setTimer" | "clearTimer">;
}

/** Calls back once: with the whole body, or with what was wrong with it; never when the client goes away before its end. */
export function readBody(
  request: IncomingMessage,
  { maxBytes, withinMs, clock }: BodyLimits,
  done: (body: Buffer | "too-long" | "too-slow") => void,
): void {
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) return done("too-long");
  const chunks: Buffer[] = [];
  let bytes = 0;
  const settle = (body: Buffer | "too-long" | "too-slow"): void => {
    stop();
    done(body);
  };
  const onData = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes <= maxBytes) chunks.push(chunk);
    else settle("too-long");
  };
  const onEnd = (): void => settle(Buffer.concat(chunks));
  const timer = clock.setTimer(() => settle("too-slow"), withinMs);
  const stop = (): void => {
    clock.clearTimer(timer);
    request.off("data", onData).off("end", onEnd).off("close", stop);
  };
  // An abort is an error event too; there is nobody left to answer.
  request.on("data", onData).on("end", onEnd).on("close", stop).on("error", ignore);
}

/**
 * Reads on after a refusal and drops what comes, because a client that is still sending would lose the answer to a reset
 * connection; but not for ever.
 */
export function discard(request: IncomingMessage, { maxBytes, withinMs, clock }: BodyLimits): void {
  if (request.complete) return void request.resume();
  let left = 8 * maxBytes;
  const timer = clock.setTimer(() => request.destroy(), withinMs);
  request.on("error", ignore);
  request.on("close", () => clock.clearTimer(timer));
  request.on("end", () => clock.clearTimer(timer));
  request.on("data", (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) request.destroy();
  });
}

/** The text of a body, or null when it is not UTF-8. */
export function textOf(body: Buffer): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    return null;
  }
}

function ignore(): void {}
