// How what the gateway says looks in each dialect. PROTOCOL §3, §10.
import type { GatewayFrame } from "@trunkline/core/wire";

/** `v1` is the subprotocol `trunkline.v1`; `plain` is no subprotocol (PROTOCOL §2.1); `raw` is no words at all (PROTOCOL §16). */
export type Dialect = "v1" | "plain" | "raw";

/** One frame's text, or null where the dialect has no word for it. Events go through the hub instead. */
export function frameText(dialect: Dialect, frame: Exclude<GatewayFrame, { readonly type: "event" }>): string | null {
  if (dialect === "v1") return JSON.stringify(frame);
  if (dialect === "raw") return null;
  switch (frame.type) {
    case "connected":
      return '{"type":"connected"}';
    case "error":
      return JSON.stringify({ type: "error", message: frame.message });
    case "ping":
      return "ping";
    case "reply":
      return JSON.stringify({ id: frame.ref, status: frame.status, error: frame.error });
    case "pong":
    case "verdict":
    case "published":
    case "presence":
    case "history":
    case "auth":
    case "drain":
      return null;
    default:
      return unreachable(frame);
  }
}

export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
