import { LinkError, TransportCloseError, UsageError } from "../errors.ts";
import type { SpanLike, SpanOptionsLike, TracerLike, TracerProviderLike } from "../ports/tracer.ts";
import type { Link, LinkClose, LinkListener, LinkRequest, Transport } from "../ports/transport.ts";
import { CloseCode } from "../wire/codes.ts";
import { during, fail, succeed } from "./end-span.ts";
import { measure } from "./measure.ts";
import { contextOf, findTracer } from "./open-telemetry.ts";
import { redactUrl } from "./redact-url.ts";

/** Pings that may wait for their pong; an older one is given up. */
const mostPings = 10;

const instrumented = new WeakSet<Transport>();

/**
 * `transport` with spans of kind client: `trunkline.transport.dial` over the handshake, `.write` and `.read` for each
 * message, `.ping` until its pong, `.close` until the link has ended. Their parent is what is active, but each `.read`
 * begins a trace, linked to that of the dial, and is active while the message is handled. A transport that has spans already, and any when there is no provider, is given back as
 * it is.
 * @param tracerProvider by default the one that is registered globally by now
 * @throws {UsageError} `usage.bad-argument` for anything but a transport
 */
export function instrumentTransport(transport: Transport, tracerProvider?: TracerProviderLike): Transport {
  if (typeof (transport as Partial<Transport> | null | undefined)?.open !== "function") {
    throw new UsageError("usage.bad-argument", "instrumentTransport: expected a Transport");
  }
  const tracer = findTracer("trunkline.transport", tracerProvider);
  if (tracer === null || instrumented.has(transport)) return transport;
  const result: Transport = {
    name: transport.name,
    open: (request, listener) => {
      const spans = new LinkSpans(tracer, request);
      try {
        const link: Partial<Link> | undefined = transport.open(request, spans.before(listener));
        if (isLink(link)) return spans.around(link);
        spans.refused(new UsageError("usage.bad-argument", "expected of the transport a link from open"));
        // Whoever opens it judges it, as without spans.
        return link as unknown as Link;
      } catch (error) {
        spans.refused(error);
        throw error;
      }
    },
  };
  instrumented.add(result);
  return result;
}

/** The spans of one link. */
class LinkSpans {
  readonly #tracer: TracerLike;
  readonly #attributes: Record<string, unknown>;
  readonly #dial: SpanLike;
  #dialling = true;
  #close: SpanLike | null = null;
  /** Oldest first: pongs come in order. */
  readonly #pings: SpanLike[] = [];
  /** Pings before those that were given up. */
  #unanswered = 0;
  #ended = false;

  constructor(tracer: TracerLike, { url }: LinkRequest) {
    this.#tracer = tracer;
    this.#attributes = { "url.full": redactUrl(url) };
    this.#dial = this.#start("dial");
  }

  /** Hears what the transport tells before `listener` does. */
  before(listener: LinkListener): LinkListener {
    return {
      onOpen: (protocol) => {
        this.#dialled(succeed);
        listener.onOpen(protocol);
      },
      onMessage: (data) => {
        const name = "trunkline.transport.read";
        this.#tracer.startActiveSpan(name, this.#readOptions(sized(data)), contextOf(), (span) => {
          span.addEvent("websocket.message.received");
          during(span, () => listener.onMessage(data));
        });
      },
      onClose: (close) => {
        this.#end(close);
        listener.onClose(close);
      },
      onPong: () => {
        if (this.#unanswered > 0) this.#unanswered--;
        else this.#answered();
        listener.onPong?.();
      },
    };
  }

  /** Notes what is asked of `link`. */
  around(link: Link): Link {
    return {
      get bufferedAmount() {
        return link.bufferedAmount;
      },
      get raw() {
        return link.raw;
      },
      send: (data) => during(this.#start("write", sized(data)), () => link.send(data)),
      close: (code, reason) => {
        this.#leave({ "websocket.close.code": code, "websocket.close.reason": reason });
        link.close(code, reason);
      },
      terminate: () => {
        if (!this.#dialling) this.#leave({ "websocket.close.code": CloseCode.abnormal });
        try {
          link.terminate();
        } finally {
          // Should the transport not tell.
          this.#end({ code: CloseCode.abnormal, reason: "" });
        }
      },
      ...(link.pause && { pause: () => link.pause?.() }),
      ...(link.resume && { resume: () => link.resume?.() }),
      ...(link.ping && {
        ping: () => {
          if (!this.#ended) this.#asked();
          link.ping?.();
        },
      }),
    };
  }

  /** The transport threw instead of opening. */
  refused(error: unknown): void {
    this.#dialled((dial) => fail(dial, error));
    this.#ended = true;
  }

  #dialled(end: (dial: SpanLike) => void): void {
    if (this.#dialling) end(this.#dial);
    this.#dialling = false;
  }

  #asked(): void {
    this.#pings.push(this.#start("ping"));
    if (this.#pings.length <= mostPings) return;
    this.#unanswered++;
    fail(
      this.#pings.shift() as SpanLike,
      new LinkError("link.timeout", `expected a pong, got none before ${mostPings} pings`),
    );
  }

  #answered(): void {
    const ping = this.#pings.shift();
    if (ping) succeed(ping);
  }

  #leave(attributes: Record<string, unknown>): void {
    if (!this.#ended) this.#close ??= this.#start("close", attributes);
  }

  #end(close: LinkClose): void {
    if (this.#ended) return;
    this.#ended = true;
    const error = new TransportCloseError(close);
    const said = { "websocket.close.code": close.code, "websocket.close.reason": close.reason };
    for (const ping of this.#pings) fail(ping, error);
    if (this.#close) succeed(this.#close.setAttributes(said));
    if (this.#dialling) this.#dialled((dial) => fail(dial.setAttributes(said), error));
    else if (this.#close === null) this.#readClose(said, close.code === CloseCode.normal ? null : error);
  }

  /** What was read last is the close. */
  #readClose(said: Record<string, unknown>, error: TransportCloseError | null): void {
    const read = this.#tracer.startSpan("trunkline.transport.read", this.#readOptions(said), contextOf());
    if (error) fail(read, error);
    else succeed(read);
  }

  /** What is read belongs to no operation of this side: a link may live for days, a trace should not. */
  #readOptions(attributes: Record<string, unknown>): SpanOptionsLike {
    const links = [{ context: this.#dial.spanContext() }];
    return { kind: 2, root: true, links, attributes: { ...this.#attributes, ...attributes } };
  }

  #start(name: string, attributes: Record<string, unknown> = {}): SpanLike {
    const options = { kind: 2, attributes: { ...this.#attributes, ...attributes } };
    return this.#tracer.startSpan(`trunkline.transport.${name}`, options, contextOf());
  }
}

/** Whether a transport gave what it has to. */
function isLink(link: Partial<Link> | undefined): link is Link {
  return typeof link?.close === "function" && typeof link.terminate === "function";
}

function sized(data: string | Uint8Array): Record<string, unknown> {
  const { opcode, bytes } = measure(data);
  return { "websocket.message.opcode": opcode, "websocket.message.size": bytes };
}
