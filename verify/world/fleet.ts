import type { Account } from "../ledger/ledger.ts";
import { sumOf } from "../ledger/ledger.ts";
import type { Receipts } from "../ledger/record.ts";
import { Child } from "./child-process.ts";

export interface FleetSettings {
  /** One client each. */
  readonly urls: readonly string[];
  readonly channels: readonly string[];
  /** Number of the first client. */
  readonly first: number;
  /** Ceiling of every wait before a client tries again, in milliseconds. @defaultValue as clients do by themselves */
  readonly backoffMs?: number;
}

export interface FleetProgress {
  /** Events, gaps and starts that were written down. */
  readonly entries: number;
  readonly connected: number;
}

/** One return of one client. Times in milliseconds since 1970. */
export interface Replay {
  readonly client: number;
  readonly connectedAt: number;
  /** When it had everything that it was promised at its return. */
  readonly caughtUpAt: number;
}

export interface FleetAudit {
  readonly receipts: Readonly<Record<string, Receipts>>;
  readonly account: Account;
  readonly replays: readonly Replay[];
}

const processes = 2;

/** Many real clients, spread over processes. */
export class Fleet {
  readonly size: number;
  readonly #children: readonly Child[];

  private constructor(children: readonly Child[], size: number) {
    this.#children = children;
    this.size = size;
  }

  /** Resolves once every client has its positions. */
  static async start(urls: readonly string[], options: Omit<FleetSettings, "urls" | "first">): Promise<Fleet> {
    const share = Math.ceil(urls.length / processes);
    const starts = Array.from({ length: Math.ceil(urls.length / share) }, (_, index) => index * share);
    const children = starts.map(() => new Child("fleet-process.ts"));
    await Promise.all(
      starts.map((first, index) =>
        children[index]?.ask("open", { ...options, urls: urls.slice(first, first + share), first }),
      ),
    );
    return new Fleet(children, urls.length);
  }

  async progress(): Promise<FleetProgress> {
    const all = await Promise.all(this.#children.map((child) => child.ask<FleetProgress>("progress")));
    return {
      entries: all.reduce((sum, { entries }) => sum + entries, 0),
      connected: all.reduce((sum, { connected }) => sum + connected, 0),
    };
  }

  async audit(receipts: FleetAudit["receipts"]): Promise<Omit<FleetAudit, "receipts">> {
    const all = await Promise.all(this.#children.map((child) => child.ask<FleetAudit>("audit", receipts)));
    return { account: sumOf(all.map(({ account }) => account)), replays: all.flatMap(({ replays }) => replays) };
  }

  async end(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.end()));
  }
}
