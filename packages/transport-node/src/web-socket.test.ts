import { once } from "node:events";
import { Agent, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { version } from "@trunkline/core/wire";
import type { LinkClose } from "@trunkline/core/ports";
import { afterEach, beforeEach, expect, it } from "vitest";
import { WebSocketServer } from "ws";
import { type WebSocketTransportOptions, webSocketTransport } from "./web-socket.ts";

let server: WebSocketServer;
let url: string;
beforeEach(async () => {
  server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: true });
  await once(server, "listening");
  url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterEach(() => {
  server.close();
});

const silent = { onOpen: () => {}, onMessage: () => {}, onClose: () => {} };

/** The upgrade request a transport with `options` sends. */
async function upgradeRequest(options?: WebSocketTransportOptions): Promise<IncomingMessage> {
  const connected = once(server, "connection");
  const link = webSocketTransport(options).open({ url, protocols: [] }, silent);
  const [, request] = (await connected) as [unknown, IncomingMessage];
  link.terminate();
  return request;
}

/** How a link to `url` ends that never opens. */
function failedLink(url: string, protocols: readonly string[] = []): Promise<LinkClose> {
  return new Promise((resolve, reject) => {
    let returned = false;
    const onClose = (close: LinkClose): void => (returned ? resolve(close) : reject(new Error("told too early")));
    const link = webSocketTransport().open({ url, protocols }, { ...silent, onClose });
    returned = true;
    link.send("nowhere");
  });
}

it("W-15 sends User-Agent trunkline/<version>", async () => {
  expect((await upgradeRequest()).headers["user-agent"]).toBe(`trunkline/${version}`);
});

it("W-15 sends the User-Agent it is given, as an option or as a header", async () => {
  expect((await upgradeRequest({ userAgent: "shop/3" })).headers["user-agent"]).toBe("shop/3");
  expect((await upgradeRequest({ headers: { "user-agent": "shop/4" } })).headers["user-agent"]).toBe("shop/4");
});

it("sends further headers, no Origin, and offers no compression", async () => {
  const { headers } = await upgradeRequest({ headers: { Authorization: "Bearer t" } });
  expect(headers.authorization).toBe("Bearer t");
  expect(headers.origin).toBe(undefined);
  expect(headers["sec-websocket-extensions"]).toBe(undefined);
});

it("connects through the agent it is given", async () => {
  const agent = new Agent({ keepAlive: false, maxSockets: 1 });
  let asked = 0;
  const createConnection = agent.createConnection.bind(agent);
  agent.createConnection = (...args) => {
    asked++;
    return createConnection(...args);
  };
  await upgradeRequest({ agent });
  expect(asked).toBe(1);
  agent.destroy();
});

it("tells a refused connection with its cause, and not the key", async () => {
  server.close();
  await once(server, "close");
  const close = await failedLink(`${url}?api_key=SECRET`);
  expect(close).toMatchObject({ code: 1006, cause: { code: "link.lost", cause: { code: "ECONNREFUSED" } } });
  expect((close.cause as Error).message).toContain(url);
  expect((close.cause as Error).message).not.toContain("SECRET");
});

it("tells, and does not throw, when the URL or a subprotocol can't be used", async () => {
  for (const [bad, protocols] of [
    ["ftp://host/?api_key=SECRET", []],
    ["not a url?api_key=SECRET", []],
    ["ws://host/?api_key=SECRET#f", []],
    [`${url}?api_key=SECRET`, ["not a token"]],
  ] as const) {
    const close = await failedLink(bad, protocols);
    expect(close).toMatchObject({ code: 1006, reason: "", cause: { name: "LinkError", code: "link.lost" } });
    expect(String((close.cause as Error).message)).not.toContain("SECRET");
    expect((close.cause as Error).cause).toBe(undefined);
  }
});
