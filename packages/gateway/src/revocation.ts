// Ends connections, or has them asked anew what they may hear, on this gateway and on all others of its broker.
import { randomUUID } from "node:crypto";
import { UsageError } from "@trunkline/core/errors";
import type { Broker, Clock } from "@trunkline/core/ports";
import { CloseCode } from "@trunkline/core/wire";
import {
  type ConnectionFilter,
  type ControlCommand,
  type FilterSubject,
  filterProblem,
  isSendableCode,
  matches,
} from "./control-command.ts";
import { ControlLine } from "./control-line.ts";

/** A connection that commands can be about. */
export interface Revocable extends FilterSubject {
  /** Whether gateway code knows it: then it is asked for, else it asks by itself before. */
  readonly announced: boolean;
  close(code: number, reason: string): void;
  /** Resolves once it is on what it is granted now, and on nothing else. Must not reject. */
  reauthorize(): Promise<void>;
}

export interface DisconnectOptions {
  /** 1000–1014 or 3000–4999. @defaultValue 4401: a client asks for a fresh token, and stops when it gets none that lets it in */
  readonly code?: number;
  /** For the peer; cut to 123 bytes. @defaultValue "" */
  readonly reason?: string;
}

export interface RevocationOptions {
  /** The broker that other gateways may be on too; null when there can be no others. */
  readonly broker: Broker | null;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
  /** Of this moment: a list of its own. */
  readonly connections: () => readonly Revocable[];
}

/** Connections that are asked anew at a time: each may ask the app's database. */
const atOnce = 64;

/** Why a connection has to go: what its client is told. */
export interface Expulsion {
  readonly code: number;
  readonly reason: string;
}

const comeBack: Expulsion = {
  code: CloseCode.tryAgainLater,
  reason: "what this connection may hear has changed; come back",
};

export class Revocation {
  readonly line: ControlLine;
  readonly #connections: () => readonly Revocable[];

  constructor({ broker, clock, onError, connections }: RevocationOptions) {
    this.#connections = connections;
    this.line = new ControlLine({
      broker,
      clock,
      onError,
      perform: (command) => this.#perform(command),
      onMissed: () => this.#expelAll(),
    });
  }

  /** @throws {UsageError} `usage.bad-argument` @throws {GatewayError} as `ControlLine.say` */
  async disconnect(filter: ConnectionFilter, options: DisconnectOptions = {}): Promise<void> {
    const { code = CloseCode.unauthorized, reason = "the gateway ended this connection" } = options;
    if (!isSendableCode(code))
      throw new UsageError(
        "usage.bad-argument",
        `gateway.disconnect: code: expected 1000–1014 or 3000–4999, got ${code}`,
      );
    await this.line.say({
      command: "disconnect",
      id: randomUUID(),
      filter: checked("disconnect", filter),
      code,
      reason,
    });
  }

  /** @throws {UsageError} `usage.bad-argument` @throws {GatewayError} as `ControlLine.say` */
  async reauthorize(filter: ConnectionFilter): Promise<void> {
    await this.line.say({ command: "reauthorize", id: randomUUID(), filter: checked("reauthorize", filter) });
  }

  /** What was said about a connection since `mark`, while nobody could find it: why it has to go, or null. */
  missed(connection: FilterSubject, mark: number): Expulsion | null {
    const commands = this.line.isReady ? this.line.since(mark) : null;
    if (commands === null) return comeBack;
    const meant = commands.filter(({ filter }) => matches(filter, connection));
    // What it was granted may be what was granted before.
    return meant.find((command) => command.command === "disconnect") ?? (meant.length > 0 ? comeBack : null);
  }

  async #perform(command: ControlCommand): Promise<void> {
    const meant = this.#connections().filter(
      (connection) => connection.announced && matches(command.filter, connection),
    );
    if (command.command === "disconnect") {
      for (const connection of meant) connection.close(command.code, command.reason);
      return;
    }
    const next = meant.values();
    const worker = async (): Promise<void> => {
      for (const connection of next) await connection.reauthorize();
    };
    await Promise.all(Array.from({ length: Math.min(atOnce, meant.length) }, worker));
  }

  /** Nobody knows who of them was meant by what went by. They come back, and are asked anew. */
  #expelAll(): void {
    for (const connection of this.#connections()) connection.close(comeBack.code, comeBack.reason);
  }
}

function checked(method: string, filter: ConnectionFilter): ConnectionFilter {
  const problem = filterProblem(filter);
  if (problem === null) return filter;
  throw new UsageError("usage.bad-argument", `gateway.${method}: ${problem}`);
}
