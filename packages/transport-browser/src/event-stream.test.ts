import { once } from "node:events";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { LinkClose } from "@trunkline/core/ports";
import { expect, it, onTestFinished } from "vitest";
import { type EventStreamTransportOptions, eventStreamTransport } from "./event-stream.ts";

/** A server of one event stream; returns where links to it are opened. */
async function startServer(serve: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer((request, response) => {
    request.resume();
    if (request.method === "GET") {
      response.writeHead(200, { "Content-Type": "text/event-stream", Connection: "close" });
      response.write('event: open\ndata: {"link":"L"}\n\n');
    }
    serve(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/api/ws/v1/events`;
}

function open(url: string, options?: EventStreamTransportOptions, greeting?: string) {
  const told: unknown[] = [];
  const closed = new Promise<LinkClose>((resolve) => {
    const link = eventStreamTransport(options).open(
      { url, protocols: ["trunkline.v1"] },
      {
        onOpen: () => greeting !== undefined && link.send(greeting),
        onMessage: (data) => told.push(data),
        onClose: resolve,
      },
    );
  });
  return { told, closed };
}

it("sends further headers with every request", async () => {
  const seen: unknown[] = [];
  const url = await startServer(({ method, headers }, response) => {
    seen.push([method, headers["x-region"], headers["content-type"]]);
    if (method === "POST") response.writeHead(404).end();
  });
  const { closed } = open(url, { headers: { "X-Region": "eu" } }, "{}");
  expect((await closed).code).toBe(1006);
  expect(seen).toEqual([
    ["GET", "eu", undefined],
    ["POST", "eu", "application/json"],
  ]);
});

it("asks with the fetch it is given, else with the global one of that moment", async () => {
  const asked: string[] = [];
  const refuse: typeof fetch = (url) => {
    asked.push(url as string);
    return Promise.resolve(new Response(null, { status: 403 }));
  };
  expect(await open("wss://gateway.test/api/ws/v1/events", { fetch: refuse }).closed).toMatchObject({ code: 4403 });
  expect(asked).toEqual(["https://gateway.test/api/v1/events"]);
});

it("reads characters that were cut in two", async () => {
  const bytes = Buffer.from('data: 世界 🎈\n\nevent: close\ndata: {"code":4409,"reason":""}\n\n');
  const url = await startServer((_, response) => {
    void (async () => {
      for (const byte of bytes) await new Promise((resolve) => response.write(Uint8Array.of(byte), resolve));
    })();
  });
  const { told, closed } = open(url);
  expect(await closed).toEqual({ code: 4409, reason: "" });
  expect(told).toEqual(["世界 🎈"]);
});

it("is lost when a POST is not answered in time", async () => {
  const url = await startServer(() => {});
  const { closed } = open(url, { postTimeoutMs: 1 }, "{}");
  expect(await closed).toMatchObject({ code: 1006, cause: { code: "link.lost" } });
});
