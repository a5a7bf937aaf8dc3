// A real ws server that plays the far end of the transport contract.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { ContractPeer, ContractServer } from "@trunkline/core/testing";
import { meantCloseCode } from "@trunkline/core/wire";
import { WebSocketServer, type WebSocket } from "ws";
import { Mailbox } from "./rfc6455-mailbox.ts";

function contractPeer(socket: WebSocket): ContractPeer {
  const messages = new Mailbox<string | Uint8Array>();
  socket.on("message", (data, isBinary) => {
    const buffer = data as Buffer;
    messages.put(isBinary ? new Uint8Array(buffer) : buffer.toString());
  });
  socket.on("error", () => {}); // a dropped connection is part of the contract
  return {
    next: () => messages.take(),
    send: (data) => socket.send(data),
    close: (code, reason) => socket.close(code, reason),
    drop: () => socket.terminate(),
    closed: new Promise((resolve) =>
      socket.on("close", (code, reason) => resolve({ code: meantCloseCode(code), reason: reason.toString() })),
    ),
  };
}

/** Starts one on a free port. */
export async function startContractServer(): Promise<ContractServer> {
  const accepted = new Mailbox<ContractPeer>();
  const silent = new Mailbox<void>();
  const connections = new Set<Socket>();
  let onGone = (): void => {};
  const answering = new WebSocketServer({ noServer: true, maxPayload: 8 * 1024 * 1024 });
  const muted = new WebSocketServer({ noServer: true, autoPong: false });
  const http = createServer((_request, response) => response.writeHead(426).end());
  http.on("connection", (connection: Socket) => {
    connections.add(connection);
    connection.on("close", () => {
      connections.delete(connection);
      if (connections.size === 0) onGone();
    });
  });
  http.on("upgrade", (request, connection, head) => {
    if (request.url === "/silent") {
      // HTTP sockets stay half open, and one that is never read never notices the other end leaving.
      connection
        .on("error", () => {})
        .on("end", () => connection.end())
        .resume();
      silent.put();
    } else if (request.url === "/refused") {
      connection.end("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    } else {
      const server = request.url === "/mute" ? muted : answering;
      server.handleUpgrade(request, connection, head, (socket) => accepted.put(contractPeer(socket)));
    }
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const base = `ws://127.0.0.1:${(http.address() as AddressInfo).port}`;
  return {
    url: `${base}/`,
    mutePongUrl: `${base}/mute`,
    silentUrl: `${base}/silent`,
    refusedUrl: `${base}/refused`,
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
