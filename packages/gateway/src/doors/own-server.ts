// Without an app: a server of the gateway's own.
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import {
  createServer as createSecureServer,
  type Server as SecureServer,
  type ServerOptions as SecureServerOptions,
} from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { UsageError } from "@trunkline/core/errors";
import type { Clock } from "@trunkline/core/ports";
import { pathOf } from "../auth/request-info.ts";
import { sendError } from "./json-response.ts";
import { refuseUpgrade } from "./refuse-upgrade.ts";
import { type UpgradeDoor, isWebSocketUpgrade } from "./upgrade.ts";

export interface ListenOptions {
  /** 0 takes a free one. @defaultValue 7777 */
  readonly port?: number;
  /** Loopback unless another is asked for. @defaultValue "127.0.0.1" */
  readonly host?: string;
  /** Serves over TLS: `key` and `cert` as PEM, and what else `node:https` takes. @defaultValue plain HTTP */
  readonly tls?: SecureServerOptions;
}

export interface Address {
  readonly port: number;
  readonly host: string;
  /** @example "http://127.0.0.1:7777"; https with `tls` */
  readonly url: string;
}

export interface OwnServer {
  readonly opened: Promise<Address>;
  /** Answers what is under way, then closes. */
  close(): Promise<void>;
}

/** How long requests under way get to finish, in milliseconds. */
const lastAnswersMs = 2000;

/** @param ready the port is bound after it; what it rejects with, `opened` does */
export function openServer(
  { port = 7777, host = "127.0.0.1", tls }: ListenOptions,
  handle: (request: IncomingMessage, response: ServerResponse) => boolean,
  upgrade: UpgradeDoor,
  clock: Pick<Clock, "setTimer" | "clearTimer">,
  ready: Promise<void> = Promise.resolve(),
): OwnServer {
  /** Connections that nothing was upgraded on. */
  const sockets = new Set<Duplex>();
  // One for all: a closure each would be kept for as long as the connection.
  function forget(this: Duplex): void {
    sockets.delete(this);
  }
  let closing = false;
  const answer: RequestListener = (request, response) => {
    response.once("close", () => {
      // Kept alive for another request it would keep the server.
      if (closing) request.socket.destroySoon();
    });
    if (handle(request, response)) return;
    request.resume();
    const path = pathOf(request.url ?? "/");
    if (path === "/" && (request.method === "GET" || request.method === "HEAD")) return nothing(response);
    sendError(response, 404, "gateway.bad-request", `expected a path of the gateway, got ${path}`);
  };
  const settings = { shouldUpgradeCallback: isWebSocketUpgrade };
  const server = tls === undefined ? createServer(settings, answer) : secureServer({ ...settings, ...tls }, answer);
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", forget);
  });
  server.on("upgrade", (request, socket, head) => {
    socket.off("close", forget);
    sockets.delete(socket);
    if (upgrade(request, socket, head, true)) return;
    const message = `expected an upgrade of a path of the gateway, got ${pathOf(request.url ?? "/")}`;
    refuseUpgrade(socket, 404, { code: "gateway.bad-request", message });
  });
  const bind = (): Promise<Address> =>
    new Promise((resolve, reject) => {
      const failed = (cause: NodeJS.ErrnoException): void => reject(listenError(cause, port, host));
      if (!Number.isInteger(port) || port < 0 || port > 65_535)
        return failed(Object.assign(new Error("the port is out of range"), { code: "ERR_SOCKET_BAD_PORT" }));
      server.once("error", failed);
      server.listen({ port, host }, () => {
        const { port: actual } = server.address() as AddressInfo;
        const shown = host.includes(":") ? `[${host}]` : host;
        resolve({ port: actual, host, url: `http${tls === undefined ? "" : "s"}://${shown}:${actual}` });
      });
    });
  const opened = ready.then(bind);
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
        for (const socket of sockets) if ((socket as Socket).bytesRead === 0) socket.destroy();
      });
    },
  };
}

/** What somebody reads who opens it in a browser. */
function nothing(response: ServerResponse): void {
  response.writeHead(200, { "Content-Type": "text/plain; charset=utf-8" }).end("Nothing to see here");
}

function secureServer(tls: SecureServerOptions, answer: RequestListener): SecureServer {
  try {
    return createSecureServer(tls, answer);
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : "something else was wrong";
    throw new UsageError("usage.bad-option", `gateway.listen: tls: expected a key and its certificate: ${problem}`);
  }
}

function listenError(cause: NodeJS.ErrnoException, port: number, host: string): UsageError {
  const where = `gateway.listen: ${host}:${port}`;
  const hints: Readonly<Record<string, string>> = {
    EADDRINUSE: "is taken by another process; stop that one, or give another port (0 takes a free one)",
    EACCES: "is not allowed to this user; give a port of 1024 or more",
    ERR_SOCKET_BAD_PORT: "is no port; give one from 0 (any free one) to 65535",
    EADDRNOTAVAIL: "is no address of this machine; give one that is, such as 127.0.0.1 or 0.0.0.0",
  };
  return new UsageError(
    "usage.bad-option",
    `${where} ${hints[cause.code ?? ""] ?? `can't be opened: ${cause.message}`}`,
    { cause },
  );
}
