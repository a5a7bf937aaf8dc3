// The plain dialect, PROTOCOL §10: no hello, no positions. Its texts are mapped to the messages of `trunkline.v1`, so that
// the machine is the same.
import type { Dialect } from "../wire/dialect.ts";
import { redact } from "./redact.ts";
import { socketUrl } from "../wire/socket-url.ts";
import type { Codec } from "../wire/codec.ts";
import type { GatewayFrame } from "../wire/frame.ts";

export interface PlainOptions {
  /**
   * How often the server pings, in milliseconds; it can't say so itself. A client that hears nothing for longer than this
   * and the grace returns. 0: the server never pings. @defaultValue 25_000
   */
  readonly heartbeatMs?: number;
}

/**
 * For servers that speak only the plain dialect: `createClient({ url, apiKey, dialect: plain() })`. The key travels in the
 * URL. Listeners get the whole event object; nothing that was missed while away is sent again.
 */
export function plain({ heartbeatMs = 25_000 }: PlainOptions = {}): Dialect {
  return {
    protocols: [],
    enveloped: false,
    codec: plainCodec(heartbeatMs),
    url: (base, key) => {
      const url = socketUrl(base);
      return key === undefined ? url : `${url}${url.includes("?") ? "&" : "?"}api_key=${encodeURIComponent(key)}`;
    },
  };
}

function plainCodec(heartbeatMs: number): Codec {
  return {
    // A plain client says nothing but this; said unasked, it does no harm.
    encode: () => "pong",
    decode: (text) => (text === "ping" ? { type: "ping" } : messageOf(JSON.parse(text), heartbeatMs)),
  };
}

/** §10.4: an event before anything else; what is neither known is ignored. */
function messageOf(value: unknown, heartbeatMs: number): GatewayFrame | { readonly type: "" } {
  const frame = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  const { event, type, message } = frame;
  if (typeof event === "string") return { type: "event", channel: "", event, data: frame };
  if (type === "connected") return connected(heartbeatMs);
  if (type !== "error") return { type: "" };
  return {
    type: "error",
    code: "gateway.unauthorized",
    message: redact(typeof message === "string" ? message : "the server refused and did not say why"),
    // §10.1: an `error` is how a server refuses.
    fatal: true,
  };
}

function connected(heartbeatMs: number): GatewayFrame {
  return {
    type: "connected",
    connection: "",
    server: "",
    heartbeatMs,
    spreadMs: 0,
    limits: { frameBytes: 0, subscriptions: 0 },
    features: [],
    streams: [],
  };
}
