// The few HTTP answers this app gives.
import type { IncomingMessage, ServerResponse } from "node:http";

/** Sent with everything: pages may run and reach only what this server serves. */
const securityHeaders = {
  "Content-Security-Policy":
    "default-src 'self'; img-src 'self' data:; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "same-origin",
  "Cache-Control": "no-cache",
};

export function send(
  response: ServerResponse,
  status: number,
  contentType: string,
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): void {
  const length = Buffer.byteLength(body);
  response.writeHead(status, { ...securityHeaders, "Content-Type": contentType, "Content-Length": length, ...headers });
  // Node leaves out the body of an answer to HEAD.
  response.end(body);
}

export function sendJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  send(response, status, "application/json; charset=utf-8", JSON.stringify(value), headers);
}

/** The shape of the gateway's errors too. */
export function sendError(
  response: ServerResponse,
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  sendJson(response, status, { error: { code, message } }, headers);
}

/** Resolves with the whole body, or null when it is longer than `maxBytes`. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // What is too long is read on and dropped: a client that still sends would not see the answer.
    if (bytes <= maxBytes) chunks.push(chunk);
    if (bytes > 16 * maxBytes) break;
  }
  return bytes > maxBytes ? null : Buffer.concat(chunks);
}
