import { socketPath } from "./version.ts";

/** Where the gateway at `base` takes WebSockets (PROTOCOL §2.1): `https` → `wss`, `http` → `ws`, no scheme → `wss`; a query stays. */
export function socketUrl(base: string): string {
  const address = base.replace(/\/?(?=\?|$)/, socketPath).replace(/^http(?=s?:)/i, "ws");
  return /^wss?:/i.test(address) ? address : `wss://${address}`;
}
