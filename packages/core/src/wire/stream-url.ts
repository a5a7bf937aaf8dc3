import { socketPath, streamPath } from "./version.ts";

/** Where the gateway that takes WebSockets at `url` serves event streams (PROTOCOL §11). */
export function streamUrl(url: string): string {
  const [, address = url, query = ""] = /^([^?#]*)(\?[^#]*)?/.exec(url) ?? [];
  const path = address.endsWith(socketPath) ? address.slice(0, -socketPath.length) + streamPath : address;
  return path.replace(/^ws(?=s?:)/i, "http") + query;
}
