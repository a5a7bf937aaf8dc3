import { once } from "node:events";
import { type IncomingMessage, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { LinkClose } from "@trunkline/core/ports";
import { version } from "@trunkline/core/wire";
import { expect, it, onTestFinished } from "vitest";
import { type EventStreamTransportOptions, eventStreamTransport } from "./event-stream.ts";

/** A server that refuses everything and remembers what it was asked. */
async function startServer(): Promise<{ url: string; requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    response.writeHead(401, { Connection: "close" }).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/api/ws/v1/events`, requests };
}

/** How a link ends that never opens. */
function failed(url: string, options?: EventStreamTransportOptions): Promise<LinkClose> {
  return new Promise((resolve, reject) => {
    const onOpen = (): void => reject(new Error("opened"));
    const listener = { onOpen, onMessage: () => {}, onClose: resolve };
    eventStreamTransport(options).open({ url, protocols: ["trunkline.v1"] }, listener);
  });
}

it("W-15 sends User-Agent trunkline/<version>, or what it is given", async () => {
  const { url, requests } = await startServer();
  expect(await failed(url)).toMatchObject({ code: 4401, cause: { code: "link.lost" } });
  await failed(url, { userAgent: "shop/3" });
  await failed(url, { headers: { "User-Agent": "shop/4", "X-Region": "eu" } });
  expect(requests.map(({ headers }) => headers["user-agent"])).toEqual([`trunkline/${version}`, "shop/3", "shop/4"]);
  expect(requests[2]?.headers["x-region"]).toBe("eu");
  expect(requests[0]?.headers.origin).toBe(undefined);
});

it("tells a refused connection with its cause, and a bad URL without what it holds", async () => {
  const { url } = await startServer();
  const refused = await failed(url.replace(/:\d+\//, ":1/"));
  expect(refused).toMatchObject({ code: 1006, cause: { code: "link.lost" } });
  const bad = await failed("ws://user:SECRET@127.0.0.1:1/api/ws/v1/events?api_key=SECRET");
  expect(bad).toMatchObject({ code: 1006, cause: { code: "link.lost" } });
  const { cause } = bad as { cause: Error };
  expect(`${cause.message} ${cause.stack} ${String(cause.cause)}`).not.toContain("SECRET");
});
