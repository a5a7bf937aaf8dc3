// A small HTTP server that plays the far end of the transport contract over event streams (PROTOCOL §11.3).
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { ContractPeer, ContractServer } from "@trunkline/core/testing";
import { Mailbox } from "./rfc6455-mailbox.ts";

interface OpenStream {
  readonly peer: ContractPeer;
  readonly messages: Mailbox<string | Uint8Array>;
  posts: number;
}

function contractPeer(response: ServerResponse, messages: Mailbox<string | Uint8Array>): ContractPeer {
  return {
    next: () => messages.take(),
    send: (data) => {
      if (typeof data !== "string") throw new Error("expected text: an event stream carries nothing else");
      response.write(
        `${data
          .split("\n")
          .map((line) => `data: ${line}\n`)
          .join("")}\n`,
      );
    },
    close: (code, reason) => response.end(`event: close\ndata: ${JSON.stringify({ code, reason })}\n\n`),
    drop: () => response.socket?.resetAndDestroy(),
    closed: once(response, "close").then(() => ({ code: 1006, reason: "" })),
  };
}

/** Starts one on a free port. */
export async function startEventStreamContractServer(): Promise<ContractServer> {
  const accepted = new Mailbox<ContractPeer>();
  const silent = new Mailbox<void>();
  const streams = new Map<string, OpenStream>();
  const connections = new Set<Socket>();
  let onGone = (): void => {};

  const open = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.headers["trunkline-protocol"] !== "trunkline.v1") return void response.writeHead(400).end();
    const id = randomUUID();
    const messages = new Mailbox<string | Uint8Array>();
    const peer = contractPeer(response, messages);
    streams.set(id, { peer, messages, posts: 0 });
    response.on("close", () => streams.delete(id));
    response.writeHead(200, { "Content-Type": "text/event-stream", Connection: "close" });
    response.write(`event: open\ndata: ${JSON.stringify({ link: id })}\n\n`);
    accepted.put(peer);
  };

  const take = async (query: URLSearchParams, request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const bytes: Buffer[] = [];
    for await (const chunk of request) bytes.push(chunk as Buffer);
    const stream = streams.get(query.get("link") ?? "");
    const inOrder = stream !== undefined && Number(query.get("n")) === ++stream.posts;
    if (inOrder) stream.messages.put(Buffer.concat(bytes).toString());
    response.writeHead(inOrder ? 204 : 404, { Connection: "close" }).end();
  };

  const http = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    if (url.pathname === "/silent/api/v1/events") silent.put();
    else if (url.pathname !== "/api/v1/events") response.writeHead(503, { Connection: "close" }).end();
    else if (request.method === "GET") open(request, response);
    // A client that goes away in the middle of a POST is part of the contract.
    else take(url.searchParams, request, response).catch(() => {});
  });
  http.on("connection", (connection: Socket) => {
    connections.add(connection);
    connection.on("error", () => {});
    connection.on("close", () => {
      connections.delete(connection);
      if (connections.size === 0) onGone();
    });
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const base = `ws://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const path = "/api/ws/v1/events";
  return {
    url: `${base}${path}`,
    mutePongUrl: `${base}${path}`,
    silentUrl: `${base}/silent${path}`,
    refusedUrl: `${base}/refused${path}`,
    accept: () => accepted.take(),
    silentTaken: () => silent.take(),
    allGone: () => new Promise((resolve) => (connections.size === 0 ? resolve() : (onGone = resolve))),
    stop: async () => {
      const closed = once(http, "close");
      http.close();
      for (const connection of connections) connection.destroy();
      await closed;
    },
  };
}
