// Beside an app: the gateway's paths on a server that serves others already.
import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";
import type { Server as SecureServer } from "node:https";
import type { Duplex } from "node:stream";
import { pathOf } from "../auth/request-info.ts";
import { refuseUpgrade } from "./refuse-upgrade.ts";
import { type UpgradeDoor, isWebSocketUpgrade } from "./upgrade.ts";

/** A server of `node:http` or `node:https`. */
export type AttachableServer = Server | SecureServer;

/** Of `node:http` since 24.9, where it is an option of the server: which upgrades are such, and not requests like any other. */
interface Choosing {
  shouldUpgradeCallback?: (request: IncomingMessage) => boolean;
}

type Upgrading = [request: IncomingMessage, socket: Duplex, head: Buffer];

export interface Attachment {
  detach(): void;
}

/**
 * Puts `handle` in front of the server's `request` listeners: they are taken off and called by one that asks `handle` first, since
 * Node calls all of them for every request. Upgrades of the gateway's paths are taken before any `upgrade` listener sees
 * them, whenever it was added: many, a `WebSocketServer({ server, path })` of `ws` for one, refuse each path that is not theirs. Other
 * upgrades are left to them; without any those to WebSocket are refused, and others are requests like any other (before Node 24.9 they are
 * refused as well).
 */
export function attachTo(
  server: AttachableServer,
  {
    handle,
    upgrade,
  }: {
    readonly handle: (request: IncomingMessage, response: ServerResponse) => boolean;
    readonly upgrade: UpgradeDoor;
  },
): Attachment {
  const theirs = server.listeners("request") as RequestListener[];
  let attached = true;
  const onRequest: RequestListener = (request, response) => {
    if (attached && handle(request, response)) return;
    for (const listener of theirs) listener.call(server, request, response);
  };
  const isAlone = (): boolean => server.listenerCount("upgrade") === 1;
  // Node takes an upgrade only for a server with a listener. Asks too: a second server may pass on its upgrades to this one.
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const alone = isAlone();
    if (upgrade(request, socket, head, alone) || !alone) return;
    // Node leaves the socket to its listeners, for ever.
    const message = `expected an upgrade of a path of the gateway, got ${pathOf(request.url ?? "/")}`;
    refuseUpgrade(socket, 404, { code: "gateway.bad-request", message });
  };
  for (const listener of theirs) server.off("request", listener);
  server.on("request", onRequest);
  server.on("upgrade", onUpgrade);
  // One that was set for this server alone, by whoever attached before, has to come back.
  const own = Object.hasOwn(server, "emit");
  const emitBefore = server.emit;
  const emit = (name: string | symbol, ...args: unknown[]): boolean => {
    if (attached && name === "upgrade" && upgrade(...(args as Upgrading), isAlone())) return true;
    return Reflect.apply(emitBefore, server, [name, ...args]) as boolean;
  };
  server.emit = emit;
  const choosing = server as AttachableServer & Choosing;
  const { shouldUpgradeCallback: chosenBefore } = choosing;
  const choose = (request: IncomingMessage): boolean => {
    if (attached && isAlone() && !isWebSocketUpgrade(request)) return false;
    return chosenBefore?.call(server, request) ?? true;
  };
  if (chosenBefore !== undefined) choosing.shouldUpgradeCallback = choose;
  return {
    detach() {
      attached = false;
      server.off("upgrade", onUpgrade);
      if (chosenBefore !== undefined && choosing.shouldUpgradeCallback === choose)
        choosing.shouldUpgradeCallback = chosenBefore;
      // Somebody who attached later wraps these; they then have to stay, and do nothing but call on.
      if (server.emit === emit) {
        if (own) server.emit = emitBefore;
        else Reflect.deleteProperty(server, "emit");
      }
      if (!server.listeners("request").includes(onRequest)) return;
      server.off("request", onRequest);
      for (const listener of [...theirs].reverse()) server.prependListener("request", listener);
    },
  };
}
