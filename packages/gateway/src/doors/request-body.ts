// Reading the body of a request, within a limit.
import type { IncomingMessage } from "node:http";

/** Calls back with the whole body, or with null once it is too long; never when the client goes away before its end. */
export function readBody(request: IncomingMessage, maxBytes: number, done: (body: Buffer | null) => void): void {
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) return done(null);
  const chunks: Buffer[] = [];
  let bytes = 0;
  const onData = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes <= maxBytes) {
      chunks.push(chunk);
      return;
    }
    request.off("data", onData).off("end", onEnd);
    done(null);
  };
  const onEnd = (): void => done(Buffer.concat(chunks));
  // An abort is an error event too; there is nobody left to answer.
  request.on("data", onData).on("end", onEnd).on("error", ignore);
}

/**
 * Reads on after a refusal and drops what comes, because a client that is still sending would lose the answer to a reset
 * connection; but not for ever.
 */
export function discard(request: IncomingMessage, maxBodyBytes: number): void {
  let left = 8 * maxBodyBytes;
  request.on("error", ignore);
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
