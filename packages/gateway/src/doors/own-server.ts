// Without an app: a server of the gateway's own.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { UsageError } from "@trunkline/core/errors";
import type { Clock } from "@trunkline/core/ports";
import { pathOf } from "../auth/request-info.ts";
import { sendError } from "./json-response.ts";
import { type UpgradeDoor, refuseUpgrade } from "./upgrade.ts";

export interface ListenOptions {
  /** 0 takes a free one. @defaultValue 7777 */
  readonly port?: number;
  /** Loopback unless another is asked for. @defaultValue "127.0.0.1" */
  readonly host?: string;
}

export interface Address {
  readonly port: number;
  readonly host: string;
  /** @example "http://127.0.0.1:7777" */
  readonly url: string;
}

export interface OwnServer {
  readonly opened: Promise<Address>;
  /** Answers what is under way, then closes. */
  close(): Promise<void>;
}

/** How long requests under way get to finish, in milliseconds. */
const lastAnswersMs = 2000;

export function openServer(
  { port = 7777, host = "127.0.0.1" }: ListenOptions,
  handle: (request: IncomingMessage, response: ServerResponse) => boolean,
  upgrade: UpgradeDoor,
  clock: Pick<Clock, "setTimer" | "clearTimer">,
): OwnServer {
  const sockets = new Set<Socket>();
  let closing = false;
  const server = createServer((request, response) => {
    response.once("close", () => {
      // Kept alive for another request it would keep the server.
      if (closing) request.socket.destroySoon();
    });
    if (handle(request, response)) return;
    request.resume();
    const path = pathOf(request.url ?? "/");
    sendError(response, 404, "gateway.bad-request", `expected a path of the gateway, got ${path}`);
  });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.on("upgrade", (request, socket, head) => {
    if (upgrade(request, socket, head)) return;
    const message = `expected an upgrade of a path of the gateway, got ${pathOf(request.url ?? "/")}`;
    refuseUpgrade(socket, 404, { code: "gateway.bad-request", message });
  });
  const opened = new Promise<Address>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => reject(listenError(cause, port, host)));
    server.listen({ port, host }, () => {
      const { port: actual } = server.address() as AddressInfo;
      const shown = host.includes(":") ? `[${host}]` : host;
      resolve({ port: actual, host, url: `http://${shown}:${actual}` });
    });
  });
  return {
    opened,
    close: async () => {
      // A server that is still on its way would begin to listen afterwards.
      await opened.catch(() => {});
      await new Promise<void>((resolve) => {
        closing = true;
        const last = clock.setTimer(() => server.closeAllConnections(), lastAnswersMs);
        server.close(() => {
          clock.clearTimer(last);
          resolve();
        });
        server.closeIdleConnections();
        // To Node, one that has never asked for anything is not idle.
        for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
      });
    },
  };
}

function listenError(cause: NodeJS.ErrnoException, port: number, host: string): UsageError {
  const where = `gateway.listen: ${host}:${port}`;
  const hints: Readonly<Record<string, string>> = {
    EADDRINUSE: "is taken by another process; stop that one, or give another port (0 takes a free one)",
    EACCES: "is not allowed to this user; give a port of 1024 or more",
    EADDRNOTAVAIL: "is no address of this machine; give one that is, such as 127.0.0.1 or 0.0.0.0",
  };
  return new UsageError(
    "usage.bad-option",
    `${where} ${hints[cause.code ?? ""] ?? `can't be opened: ${cause.message}`}`,
    { cause },
  );
}
