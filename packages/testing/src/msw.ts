// Lets clients that use the global WebSocket reach a test gateway, by way of msw.
import { CloseCode, meantCloseCode, socketUrl } from "@trunkline/core/wire";
import { type WebSocketData, type WebSocketHandler, ws } from "msw";
import type { TestGateway } from "./test-gateway.ts";

/**
 * Handlers for msw's `setupServer`: a client of `url` gets a link to `gateway`.
 * `setupServer(...trunklineHandlers("https://app.example.com", gateway))`
 *
 * msw stands in for the global `WebSocket` alone: clients of `trunkline` in Node, which use `ws`, need `gateway.transport`.
 * @param url base URL as given to `createClient`
 */
export function trunklineHandlers(url: string, gateway: Pick<TestGateway, "url" | "transport">): WebSocketHandler[] {
  // msw matches without the query.
  const handler = ws.link(socketUrl(url).replace(/\?.*/s, "")).addEventListener("connection", ({ client, info }) => {
    const { protocols = [] } = info;
    /** What the client says before the link is open: msw opens its end at once. */
    let early: (string | Uint8Array)[] | null = [];
    const link = gateway.transport.open(
      {
        // The plain dialect has its key in the query.
        url: socketUrl(gateway.url) + client.url.search,
        protocols: typeof protocols === "string" ? [protocols] : protocols,
      },
      {
        onOpen: () => {
          const said = early ?? [];
          early = null;
          for (const data of said) link.send(data);
        },
        onMessage: (data) => client.send(typeof data === "string" ? data : new Uint8Array(data)),
        // Behind what was sent: msw drops messages of the same turn as a close.
        onClose: ({ code, reason }) => queueMicrotask(() => client.close(code, reason)),
      },
    );
    client.addEventListener("message", ({ data }) => {
      const bytes = messageOf(data);
      if (bytes === null) client.close(CloseCode.unsupportedData, "expected text or bytes, got a Blob");
      else if (early === null) link.send(bytes);
      else early.push(bytes);
    });
    client.addEventListener("close", ({ code, reason }) => link.close(meantCloseCode(code), reason));
  });
  return [handler];
}

function messageOf(data: WebSocketData): string | Uint8Array | null {
  if (typeof data === "string") return data;
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : null;
}
