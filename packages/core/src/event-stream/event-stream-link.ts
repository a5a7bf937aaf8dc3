// A whole link over HTTP: frames come as Server-Sent Events and go as POSTs (PROTOCOL §11.3). What asks for them is handed in,
// so that browsers and servers share this.
import { LinkError, PeerError, type TrunklineError } from "../errors.ts";
import type { Link, LinkClose, LinkListener, LinkRequest } from "../ports/transport.ts";
import { CloseCode, browserCloseCode, meantCloseCode } from "../wire/codes.ts";
import { eventStreamStart, readEventStream } from "../wire/event-stream-text.ts";
import { byteLength, maxCloseReasonBytes, truncateBytes } from "../wire/limits.ts";
import { streamUrl } from "../wire/stream-url.ts";
import { protocolHeader, subprotocol } from "../wire/version.ts";

/** The HTTP of one link. */
export interface StreamHttp {
  /** Rejects when there is no answer. */
  get(url: string, headers: Readonly<Record<string, string>>): Promise<StreamAnswer>;
  /** The status of the answer; rejects when there is none, or none in time. */
  post(url: string, body: string): Promise<number>;
  /** Ends everything that is under way. */
  abort(): void;
}

export interface StreamAnswer {
  readonly status: number;
  readonly contentType: string | null;
  /** The next piece of text, or null at its end. Rejects when the connection breaks. */
  read(): Promise<string | null>;
}

type Told = { readonly kind: "open"; readonly link: string } | { readonly kind: "message"; readonly data: string };

/** Largest POST of several messages, in bytes. Small, so that any gateway takes it. */
const maxBatchBytes = 16 * 1024;
/** Longest frame taken, in characters. */
const maxFrame = 16 * 1024 * 1024;

const abnormal: LinkClose = { code: CloseCode.abnormal, reason: "" };

/** Starts a link and returns at once; what fails is told by `onClose`. It can't carry binary frames, nor the plain dialect. */
export function openEventStreamLink(http: StreamHttp, request: LinkRequest, listener: LinkListener): Link {
  return new EventStreamLink(http, request, listener);
}

class EventStreamLink implements Link {
  readonly raw: StreamHttp;
  readonly #url: string;
  readonly #listener: LinkListener;
  /** The gateway's id of it, once it is open. */
  #id: string | null = null;
  /** How it ends once what came before is told, or null. */
  #close: LinkClose | null = null;
  /** Its owner is done: nothing but the close is told. */
  #leaving = false;
  #ended = false;
  /** What came and is not told yet. */
  #held: Told[] = [];
  #paused = false;
  #resumed: (() => void) | null = null;
  readonly #unsent: string[] = [];
  #unsentBytes = 0;
  #posting = false;
  #posts = 0;

  constructor(http: StreamHttp, { url, protocols }: LinkRequest, listener: LinkListener) {
    this.raw = http;
    this.#url = streamUrl(url);
    this.#listener = listener;
    void this.#run(protocols);
  }

  get bufferedAmount(): number {
    return this.#unsentBytes;
  }

  send(data: string | Uint8Array): void {
    if (this.#id === null || this.#close !== null) return;
    if (typeof data !== "string") {
      // Dropping it quietly would be a loss that nobody hears of.
      const cause = new LinkError("link.lost", "an event stream carries text, got a binary frame to send");
      return this.#finish({ code: CloseCode.unsupportedData, reason: "", cause });
    }
    this.#unsent.push(data);
    this.#unsentBytes += byteLength(data);
    void this.#post();
  }

  close(code: number, reason: string): void {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#resumed?.();
    const open = this.#id !== null;
    // As it would be read at the other end of a WebSocket.
    const told = { code: meantCloseCode(browserCloseCode(code)), reason: truncateBytes(reason, maxCloseReasonBytes) };
    this.#close ??= open ? told : abnormal;
    // What was sent before goes out before.
    if (!this.#posting) void Promise.resolve().then(() => this.#end());
  }

  terminate(): void {
    this.#leaving = true;
    this.#close = abnormal;
    this.#end();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#tell();
    if (!this.#paused) this.#resumed?.();
  }

  async #run(protocols: readonly string[]): Promise<void> {
    try {
      // Never before `open` has returned.
      await Promise.resolve();
      this.#finish(await this.#read(protocols));
    } catch (error) {
      // Its message may repeat the URL; the network's own error, where there is one, does not.
      const { cause } = error as { readonly cause?: unknown };
      this.#finish(lost(`the event stream at ${redacted(this.#url)} failed`, cause));
    }
  }

  /** Resolves with how it ended. */
  async #read(protocols: readonly string[]): Promise<LinkClose> {
    if (this.#ended) return abnormal;
    if (!protocols.includes(subprotocol))
      return lost(`expected the dialect ${subprotocol} over an event stream, got another`);
    const answer = await this.raw.get(this.#url, { Accept: "text/event-stream", [protocolHeader]: subprotocol });
    const refusal = refusalOf(answer, this.#url);
    if (refusal !== null) return refusal;
    let state = eventStreamStart;
    for (;;) {
      const text = await answer.read();
      if (text === null) return abnormal;
      const [next, events] = readEventStream(state, text);
      state = next;
      if (next.line.length + (next.data?.length ?? 0) > maxFrame)
        return {
          ...abnormal,
          cause: new PeerError("peer.too-large", `expected frames of at most ${maxFrame} characters`),
        };
      for (const event of events) {
        const data: unknown = event.event === "message" ? null : JSON.parse(event.data);
        if (event.event === "close") return closeOf(data);
        if (event.event === "message") this.#held.push({ kind: "message", data: event.data });
        else if (event.event === "open") this.#held.push({ kind: "open", link: linkOf(data) });
      }
      this.#tell();
      if (this.#paused) await new Promise<void>((resolve) => (this.#resumed = resolve));
    }
  }

  /** Tells what came, as far as it may, and the close behind it. */
  #tell(): void {
    while (!this.#paused && !this.#leaving) {
      const told = this.#held.shift();
      if (told === undefined) break;
      if (told.kind === "message" && this.#id !== null) this.#listener.onMessage(told.data);
      if (told.kind === "open" && this.#id === null) {
        this.#id = told.link;
        this.#listener.onOpen(subprotocol);
      }
    }
    if (this.#close !== null && !this.#posting && (this.#leaving || (!this.#paused && this.#held.length === 0)))
      this.#end();
  }

  /** It is over. What came before is told before. */
  #finish(close: LinkClose): void {
    this.#close ??= close;
    this.#posting = false;
    this.#unsent.length = 0;
    this.#unsentBytes = 0;
    this.raw.abort();
    this.#tell();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#held = [];
    this.#unsent.length = 0;
    this.raw.abort();
    this.#listener.onClose(this.#close ?? abnormal);
  }

  /** One at a time, so that they arrive in order. */
  async #post(): Promise<void> {
    if (this.#posting) return;
    this.#posting = true;
    while (this.#unsent.length > 0) {
      const [body, bytes] = this.#nextBody();
      this.#posts += 1;
      const query = `${this.#url.includes("?") ? "&" : "?"}link=${this.#id ?? ""}&n=${this.#posts}`;
      let problem: LinkClose | null = null;
      try {
        const status = await this.raw.post(this.#url + query, body);
        if (status !== 204)
          problem = lost(`expected ${redacted(this.#url)} to take a frame (HTTP 204), got HTTP ${status}`);
      } catch (error) {
        const { cause } = error as { readonly cause?: unknown };
        problem = lost(`a frame could not be sent to ${redacted(this.#url)}`, cause);
      }
      if (this.#ended || (this.#close !== null && !this.#leaving)) return;
      if (problem !== null) return this.#finish(problem);
      this.#unsentBytes -= bytes;
    }
    this.#posting = false;
    this.#tell();
  }

  /** What goes into one POST: a frame, or as many waiting messages as fit, as one array (PROTOCOL §3.1). */
  #nextBody(): readonly [body: string, bytes: number] {
    const first = this.#unsent.shift() ?? "";
    const batch = [first];
    let bytes = byteLength(first);
    for (let next = this.#unsent[0]; next !== undefined; next = this.#unsent[0]) {
      const more = byteLength(next);
      if (!isMessage(first) || !isMessage(next) || bytes + more + batch.length > maxBatchBytes) break;
      batch.push(next);
      bytes += more;
      this.#unsent.shift();
    }
    return [batch.length === 1 ? first : `[${batch.join(",")}]`, bytes];
  }
}

/** Whether a frame is one message: the text of a JSON object. */
function isMessage(text: string): boolean {
  return text.startsWith("{") && text.endsWith("}");
}

function linkOf(data: unknown): string {
  return encodeURIComponent(String((data as { readonly link?: unknown }).link));
}

function closeOf(data: unknown): LinkClose {
  const { code, reason } = data as { readonly code?: unknown; readonly reason?: unknown };
  return typeof code === "number" && typeof reason === "string" ? { code, reason } : abnormal;
}

/** PROTOCOL §6.1: 401 and 403 count as 4401 and 4403. */
function refusalOf({ status, contentType }: StreamAnswer, url: string): LinkClose | null {
  if (status === 200 && contentType?.startsWith("text/event-stream") === true) return null;
  const got = status === 200 ? `content of the type ${contentType}` : `HTTP ${status}`;
  const close = lost(`expected ${redacted(url)} to answer with an event stream (HTTP 200), got ${got}`);
  return status === 401 || status === 403 ? { ...close, code: 4000 + status } : close;
}

function lost(message: string, cause?: unknown): LinkClose & { readonly cause: TrunklineError } {
  return { ...abnormal, cause: new LinkError("link.lost", message, cause === undefined ? undefined : { cause }) };
}

/** `url` as it may be printed: without user, password and query, any of which may hold a key. */
function redacted(url: string): string {
  return url.replace(/\?.*$/s, "").replace(/^([^/]*\/\/)[^/]*@/, "$1");
}
