// One response that does not end: Server-Sent Events as a session's link. Without `Content-Length` and chunks it ends with its
// connection, so that segments go to the socket as they are, as over WebSocket.
import type { ServerResponse } from "node:http";
import { CloseCode } from "@trunkline/core/wire";
import { closeBlock, openBlock } from "../event-stream-blocks.ts";
import type { LinkOwner, SessionLink } from "../session-link.ts";
import { closeStatus } from "./close-status.ts";
import { sendError } from "./json-response.ts";

export interface EventStreamLinkOptions {
  readonly response: ServerResponse;
  readonly owner: LinkOwner;
  /** Further headers of the answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of a whole link (PROTOCOL §11.3); null for a plain event stream. */
  readonly link: string | null;
  readonly onGone: () => void;
}

/** How long a peer may take to read what was written before the end, in milliseconds. */
const goodbyeMs = 10_000;

export class EventStreamLink implements SessionLink {
  readonly #response: ServerResponse;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #link: string | null;
  #open = true;
  /** While somebody waits for the kernel to take what was written. */
  #drained: Promise<void> | null = null;
  #goodbye: NodeJS.Timeout | undefined;

  constructor({ response, owner, headers, link, onGone }: EventStreamLinkOptions) {
    this.#response = response;
    this.#headers = headers;
    this.#link = link;
    response.on("error", () => owner.onFailure());
    response.on("close", () => {
      this.#open = false;
      clearTimeout(this.#goodbye);
      onGone();
      owner.onEnd(CloseCode.abnormal);
    });
    if (link !== null) this.write(Buffer.from(openBlock(link)));
  }

  get unread(): number {
    return this.#response.writableLength;
  }

  /** The first write is the answer's beginning: until then a refusal can have a status of its own. */
  write(frames: Buffer): void {
    if (!this.#open) return;
    const response = this.#response;
    if (!response.headersSent) {
      response.useChunkedEncodingByDefault = false;
      // Whatever an app allows its requests: this one lasts.
      response.req.socket.setTimeout(0);
      response.writeHead(200, {
        "Content-Type": "text/event-stream; charset=utf-8",
        // Compressing it on the way would hold events back.
        "Cache-Control": "no-store, no-transform",
        "X-Accel-Buffering": "no",
        "X-Content-Type-Options": "nosniff",
        Connection: "close",
        ...this.#headers,
      });
    }
    response.write(frames);
  }

  cork(): void {
    this.#response.cork();
  }

  uncork(): void {
    this.#response.uncork();
  }

  drained(): Promise<void> {
    const response = this.#response;
    // Gone, or not full yet and the kernel takes the rest soon: the others get their turn meanwhile, and the news of its end can come.
    if (!this.#open || response.destroyed || !response.writableNeedDrain)
      return new Promise((resolve) => void setImmediate(resolve));
    // One for all of its streams that wait: a listener for each would take ever longer to be taken off.
    this.#drained ??= new Promise((resolve) => {
      const done = (): void => {
        response.off("drain", done).off("close", done);
        this.#drained = null;
        resolve();
      };
      response.on("drain", done).on("close", done);
    });
    return this.#drained;
  }

  close(code: number, reason: string): void {
    if (!this.#open) return;
    this.#open = false;
    const response = this.#response;
    if (!response.headersSent) return refuse(response, code, reason, this.#headers);
    response.end(this.#link === null ? "" : closeBlock(code, reason));
    this.#goodbye = setTimeout(() => response.destroy(), goodbyeMs);
  }

  terminate(): void {
    this.#open = false;
    this.#response.destroy();
  }
}

/** A close of a stream that has not begun. */
function refuse(
  response: ServerResponse,
  closeCode: number,
  reason: string,
  headers: Readonly<Record<string, string>>,
): void {
  const [status, code] = closeStatus(closeCode);
  sendError(response, status, code, reason, {
    ...headers,
    ...(status === 503 && { "Retry-After": "1", Connection: "close" }),
  });
}
