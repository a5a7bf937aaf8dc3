import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer, upgradeWebSocket } from "@hono/node-server";
import { createGateway } from "@trunkline/gateway";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import { createClient } from "trunkline";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { until } from "../support/until.ts";

// The gateway on the server of a framework: middlewares, the framework's own 404, and WebSockets of others.

/** An app that stamps its answers, says hello at `/hello` and knows nothing else; `seen` is told each path that reaches it. */
type MakeServer = (seen: (path: string) => void) => Server | Promise<Server>;

const frameworks: readonly (readonly [name: string, make: MakeServer, notFound: string])[] = [
  [
    "express",
    (seen) => {
      const app = express();
      app.use((request, response, next) => {
        seen(request.path);
        response.setHeader("X-App", "yes");
        next();
      });
      app.get("/hello", (_, response) => response.send("hello"));
      return createServer(app);
    },
    "Cannot GET /nothing",
  ],
  [
    "fastify",
    async (seen) => {
      const app = fastify();
      app.addHook("onRequest", async (request, reply) => {
        seen(request.url);
        reply.header("X-App", "yes");
      });
      app.get("/hello", () => "hello");
      await app.ready();
      return app.server;
    },
    "Route GET:/nothing not found",
  ],
  [
    "hono",
    (seen) => {
      const app = new Hono();
      app.use(async (c, next) => {
        seen(c.req.path);
        await next();
        c.header("X-App", "yes");
      });
      app.get("/hello", (c) => c.text("hello"));
      return createAdaptorServer({ fetch: app.fetch }) as Server;
    },
    "404 Not Found",
  ],
  [
    "node:http",
    (seen) =>
      createServer((request, response) => {
        seen(request.url ?? "");
        response.setHeader("X-App", "yes");
        if (request.url === "/hello") response.end("hello");
        else response.writeHead(404).end("nothing here");
      }),
    "nothing here",
  ],
];

async function open(server: Server): Promise<string> {
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", () => resolve()));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function startGateway(): ReturnType<typeof createGateway> {
  const gateway = createGateway({ publicKeys: [{ key: "pk_blog", channel: "account.blog" }] });
  onTestFinished(() => gateway.close({ drainMs: 0 }));
  return gateway;
}

/** A client that has heard one event. */
async function expectDelivery(gateway: ReturnType<typeof createGateway>, url: string): Promise<void> {
  const client = createClient({ url, publicKey: "pk_blog" });
  onTestFinished(() => client.close());
  const heard: unknown[] = [];
  client.on("*", (data) => heard.push(data));
  await client.ready();
  await gateway.publish({ event: "post.created", data: { id: 1 } }, { account: "blog" });
  await until("the event comes", () => heard.length > 0);
  expect(heard).toEqual([{ id: 1 }]);
}

/** What a WebSocket of somebody else is told first: its text, or the status that it was refused with. */
function firstWord(url: string, path: string): Promise<string> {
  const socket = new WebSocket(`${url.replace("http", "ws")}${path}`);
  onTestFinished(() => socket.terminate());
  return new Promise((resolve, reject) => {
    socket.on("message", (data: Buffer) => resolve(data.toString()));
    socket.on("unexpected-response", (_, { statusCode }) => resolve(`refused with ${statusCode}`));
    socket.on("error", reject);
  });
}

function chatOn(server: Server): void {
  const chat = new WebSocketServer({ server, path: "/chat" });
  chat.on("connection", (socket) => socket.send("welcome to the chat"));
  onTestFinished(() => chat.close());
}

describe.each(frameworks)("beside %s", (_, makeServer, notFound) => {
  it("middlewares and the 404 stay the app's, and see nothing of the gateway's requests", async () => {
    const seen: string[] = [];
    const server = await makeServer((path) => seen.push(path));
    const gateway = startGateway();
    gateway.attach(server);
    const url = await open(server);
    await expectDelivery(gateway, url);
    expect(await (await fetch(`${url}/healthz`)).json()).toEqual({ status: "alive" });
    expect(seen).toEqual([]);

    const hello = await fetch(`${url}/hello`);
    expect([hello.status, hello.headers.get("X-App"), await hello.text()]).toEqual([200, "yes", "hello"]);
    const missing = await fetch(`${url}/nothing`);
    expect([missing.status, missing.headers.get("X-App")]).toEqual([404, "yes"]);
    expect(await missing.text()).toContain(notFound);
    expect(seen).toEqual(["/hello", "/nothing"]);
  });

  it.each(["before", "after"])(
    "a ws server for a path of its own, made %s the gateway is attached, has its path, and no other",
    async (when) => {
      const server = await makeServer(() => {});
      const gateway = startGateway();
      if (when === "before") chatOn(server);
      gateway.attach(server);
      if (when === "after") chatOn(server);
      const url = await open(server);
      expect(await firstWord(url, "/chat")).toBe("welcome to the chat");
      await expectDelivery(gateway, url);
      // Such a server answers for all paths that are not its own.
      expect(await firstWord(url, "/elsewhere")).toBe("refused with 400");

      await gateway.close({ drainMs: 0 });
      expect(await firstWord(url, "/chat")).toBe("welcome to the chat");
      expect(await firstWord(url, "/api/ws/v1/events")).toBe("refused with 400");
    },
  );

  it("without WebSockets of others, an upgrade of a path that is nobody's is refused", async () => {
    const server = await makeServer(() => {});
    startGateway().attach(server);
    expect(await firstWord(await open(server), "/elsewhere")).toBe("refused with 404");
  });
});

it("Hono's own WebSockets and the gateway share a server", async () => {
  const app = new Hono();
  app.get(
    "/chat",
    upgradeWebSocket(() => ({ onOpen: (_, socket) => socket.send("welcome to the chat") })),
  );
  const sockets = new WebSocketServer({ noServer: true });
  const server = createAdaptorServer({ fetch: app.fetch, websocket: { server: sockets } }) as Server;
  const gateway = startGateway();
  gateway.attach(server);
  const url = await open(server);
  expect(await firstWord(url, "/chat")).toBe("welcome to the chat");
  await expectDelivery(gateway, url);
});

it.each([
  ["first", 0, 1],
  ["last", 1, 0],
] as const)(
  "of two gateways on a server either may go before the other: the one attached %s",
  async (_, goes, stays) => {
    const server = createServer((_request, response) => response.writeHead(404).end("nothing here"));
    chatOn(server);
    const gateways = [startGateway(), startGateway()] as const;
    const detach = [gateways[0].attach(server), gateways[1].attach(server)] as const;
    const url = await open(server);
    detach[goes]();
    await expectDelivery(gateways[stays], url);
    detach[stays]();
    expect(await firstWord(url, "/api/ws/v1/events")).toBe("refused with 400");
    expect(await firstWord(url, "/chat")).toBe("welcome to the chat");
    expect((await fetch(`${url}/healthz`)).status).toBe(404);
  },
);
