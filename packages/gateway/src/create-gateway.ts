// The gateway, as its embedder holds it.
import type { IncomingMessage, ServerResponse } from "node:http";
import { UsageError } from "@trunkline/core/errors";
import type { ChannelListener } from "@trunkline/core/listener";
import type { Publishes } from "@trunkline/core/publish";
import type { PublishReceipt, PublishRequest } from "@trunkline/core/wire";
import { closedError } from "./closed-error.ts";
import type { Connection } from "./connection.ts";
import type { ConnectionFilter } from "./control-command.ts";
import { type AttachableServer, type Attachment, attachTo } from "./doors/attach.ts";
import { type Address, type ListenOptions, type OwnServer, openServer } from "./doors/own-server.ts";
import type { Gateway } from "./gateway.ts";
import { GatewayParts } from "./gateway-parts.ts";
import type { GatewayEvents, GatewayListener } from "./gateway-events.ts";
import { type StatsSnapshot, statsSnapshot } from "./metrics.ts";
import { listenerProblem } from "./listener-problem.ts";
import type { GatewayOptions } from "./options.ts";
import type { Page } from "./pages/page.ts";
import type { Pages } from "./pages/pages.ts";
import { type NeutralPage, type PageRequest } from "./pages/pages.ts";
import type { Member } from "./presence/member.ts";
import { membersFrom } from "./presence/members-from.ts";
import type { DisconnectOptions } from "./revocation.ts";

/**
 * `createGateway({ secretKeys: [{ key, account }], publicKeys: [{ key, channel }] })`
 * @throws {UsageError} `usage.bad-option` naming what is wrong; also when nobody could come in
 */
export function createGateway(options: GatewayOptions): Gateway {
  return new NodeGateway(options);
}

class NodeGateway implements Gateway {
  readonly #parts: GatewayParts;
  readonly #attachments = new Set<Attachment>();
  #server: OwnServer | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: GatewayOptions) {
    this.#parts = new GatewayParts(options);
  }

  attach(server: AttachableServer): () => void {
    this.#expectOpen("attach");
    const attachment = attachTo(server, {
      handle: (request, response) => this.handle(request, response),
      upgrade: this.#parts.doors.upgrade,
    });
    this.#attachments.add(attachment);
    return () => {
      if (this.#attachments.delete(attachment)) attachment.detach();
    };
  }

  async listen(options: ListenOptions = {}): Promise<Address> {
    this.#expectOpen("listen");
    if (this.#server !== null) {
      throw new UsageError("usage.already-open", "gateway.listen: expected to be called once; it is listening already");
    }
    const handle = this.handle.bind(this);
    const server = openServer(options, handle, this.#parts.doors.upgrade, this.#parts.clock, this.ready());
    this.#server = server;
    try {
      return await server.opened;
    } catch (error) {
      this.#server = null;
      throw error;
    }
  }

  addListener(listener: ChannelListener): () => void {
    this.#expectOpen("addListener");
    const problem = listenerProblem(listener);
    if (problem !== null) throw new UsageError("usage.bad-argument", `gateway.addListener: ${problem}`);
    const undo = this.#parts.listeners.add(listener);
    this.#parts.watchHeads();
    return undo;
  }

  async ready(): Promise<void> {
    this.#expectOpen("ready");
    await Promise.all([
      this.#parts.listeners.ready(),
      this.#parts.listeners.size > 0 ? this.#parts.pushes.ready() : undefined,
    ]);
  }

  handle(request: IncomingMessage, response: ServerResponse): boolean {
    return this.#parts.doors.handle(request, response);
  }

  on<Name extends keyof GatewayEvents>(name: Name, listener: GatewayListener<Name>): () => void {
    return this.#parts.events.on(name, listener);
  }

  async publish(request: PublishRequest, { account }: { readonly account?: string } = {}): Promise<PublishReceipt> {
    return this.#parts.own.send(account)(request, {});
  }

  publisher(account?: string): Publishes {
    return this.#parts.own.publisher(account);
  }

  push(message: unknown, ...channels: readonly string[]): Promise<readonly PublishReceipt[]> {
    return this.#parts.own.publisher().push(message, ...channels);
  }

  async disconnect(filter: ConnectionFilter, options?: DisconnectOptions): Promise<void> {
    if (this.#parts.closed) throw closedError("disconnect");
    await this.#parts.revocation.disconnect(filter, options);
    this.#parts.watchHeads();
  }

  async reauthorize(filter: ConnectionFilter): Promise<void> {
    if (this.#parts.closed) throw closedError("reauthorize");
    await this.#parts.revocation.reauthorize(filter);
    this.#parts.watchHeads();
  }

  async members(channel: string, { account }: { readonly account?: string } = {}): Promise<readonly Member[]> {
    if (this.#parts.closed) throw closedError("members");
    return membersFrom(this.#parts.presence, channel, account);
  }

  async page(request: IncomingMessage, response: ServerResponse): Promise<Page> {
    return this.#expectPages("page").page(request, response);
  }

  async pageFor(request: PageRequest): Promise<NeutralPage> {
    return this.#expectPages("pageFor").pageFor(request);
  }

  async pushTo(key: string | null, channel: string, message: unknown): Promise<void> {
    await this.#expectPages("pushTo").pushTo(key, channel, message);
  }

  stats(): StatsSnapshot {
    return statsSnapshot(this.#parts.stats);
  }

  connections(): Iterable<Connection> {
    return this.#parts.roster.sessions.filter(({ announced }) => announced);
  }

  close({ drainMs = this.#parts.drainMs }: { readonly drainMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#parts.close(drainMs, () => this.#closeDoors());
    return this.#closing;
  }

  async #closeDoors(): Promise<void> {
    for (const attachment of this.#attachments) attachment.detach();
    this.#attachments.clear();
    await this.#server?.close();
  }

  #expectPages(method: string): Pages {
    if (this.#parts.pages !== null) return this.#parts.pages;
    const problem = "expected `pages` among the options of createGateway, got none; give pages: { secret }";
    throw new UsageError("usage.bad-option", `gateway.${method}: ${problem}`);
  }

  #expectOpen(method: string): void {
    if (this.#parts.draining) throw closedError(method);
  }
}
