// The world that most scenarios share: gateways behind one door, a fleet of clients that comes through it, and a publisher.
import { type ChaosProxy, startChaosProxy } from "../../test/support/chaos-proxy.ts";
import { sumOf } from "../ledger/ledger.ts";
import type { Outcome, Run } from "../scenarios/scenario.ts";
import { Fleet } from "./fleet.ts";
import { GatewayProcess, type GatewaySettings } from "./gateway.ts";
import { Publisher, type PublisherOptions, type StreamPlan } from "./publisher.ts";
import { returnsMs } from "./returns.ts";
import { settle } from "./settle.ts";

export interface StageOptions {
  readonly clients: number;
  readonly plans: readonly StreamPlan[];
  /** One per gateway. */
  readonly gateways: readonly GatewaySettings[];
  readonly inDoubt?: PublisherOptions["inDoubt"];
}

export class Stage {
  readonly gateways: GatewayProcess[];
  /** Where clients connect: a balancer in front of the gateways. */
  readonly door: ChaosProxy;
  readonly fleet: Fleet;
  readonly publisher: Publisher;
  readonly #run: Run;
  /** By channel. */
  readonly #plans: Map<string, StreamPlan>;
  readonly #others: Fleet[] = [];
  /** When clients could come back. */
  readonly #heals: number[] = [];

  private constructor(
    run: Run,
    { plans, inDoubt }: StageOptions,
    gateways: GatewayProcess[],
    door: ChaosProxy,
    fleet: Fleet,
  ) {
    this.#run = run;
    this.#plans = new Map(plans.map((plan) => [plan.channel, plan]));
    this.gateways = gateways;
    this.door = door;
    this.fleet = fleet;
    const urls = (): readonly string[] => this.gateways.map(({ url }) => url);
    this.publisher = new Publisher({ urls, random: run.random, ...(inDoubt !== undefined && { inDoubt }) });
  }

  static async open(run: Run, options: StageOptions): Promise<Stage> {
    const gateways = await Promise.all(options.gateways.map((settings) => Stage.#gateway(run, settings)));
    const door = await startChaosProxy(...gateways.map(({ url }) => url));
    run.ends.push(() => door.close());
    const fleet = await Fleet.start(
      Array.from({ length: options.clients }, () => door.url),
      { channels: options.plans.map(({ channel }) => channel), ...(run.quick && { backoffMs: 200 }) },
    );
    run.ends.push(() => fleet.end());
    run.say(`${options.clients} clients are connected to ${gateways.length} gateways`);
    return new Stage(run, options, gateways, door, fleet);
  }

  static async #gateway(run: Run, settings: GatewaySettings): Promise<GatewayProcess> {
    const gateway = await GatewayProcess.start(settings);
    run.ends.push(() => gateway.kill());
    return gateway;
  }

  /** Puts a new gateway in the place of one. */
  async replace(index: number, settings: GatewaySettings): Promise<void> {
    this.gateways[index] = await Stage.#gateway(this.#run, settings);
  }

  /** More clients, one for each of `urls`, on the streams of `plans`. */
  async join(urls: readonly string[], plans: readonly StreamPlan[]): Promise<void> {
    for (const plan of plans) this.#plans.set(plan.channel, plan);
    const fleet = await Fleet.start(urls, { channels: plans.map(({ channel }) => channel) });
    this.#run.ends.push(() => fleet.end());
    this.#others.push(fleet);
  }

  /** Publishes all that is planned. */
  publish(): Promise<void> {
    return this.publisher.run([...this.#plans.values()]);
  }

  /** From now on clients can come back. */
  healed(): void {
    this.#heals.push(performance.timeOrigin + performance.now());
  }

  /** Sets every key once more, waits until everything is at rest, and closes the books. */
  async finish(): Promise<Outcome> {
    for (const { channel, changeEvery = 0 } of this.#plans.values()) {
      if (changeEvery > 0) await this.publisher.setAll(channel);
    }
    let neverBack = 0;
    const audits = [];
    for (const fleet of [this.fleet, ...this.#others]) {
      neverBack += await settle(fleet);
      audits.push(await fleet.audit(this.publisher.receipts));
    }
    const account = sumOf(audits.map((audit) => audit.account));
    // Of the others nobody said when they could come back.
    const replays = audits[0]?.replays ?? [];
    const clients = Array.from({ length: this.fleet.size }, (_, client) => client);
    const heals = this.#heals.flatMap((at) => clients.map((client) => ({ client, at })));
    const troubles = [...this.publisher.troubles].map(([what, count]) => `${count} × ${what}`);
    return {
      clients: [this.fleet, ...this.#others].reduce((sum, { size }) => sum + size, 0),
      published: this.publisher.accepted,
      unknown: this.publisher.unknown,
      account,
      returnsMs: returnsMs(heals, replays),
      replaysMs: replays.map(({ connectedAt, caughtUpAt }) => caughtUpAt - connectedAt),
      neverBack,
      misses: [],
      notes: troubles.length === 0 ? [] : [`publishes answered otherwise at first: ${troubles.join(", ")}`],
    };
  }
}

/** An outcome that must not have a gap in it. */
export function withoutGaps(outcome: Outcome): Outcome {
  const { gaps } = outcome.account;
  return gaps === 0 ? outcome : { ...outcome, misses: [...outcome.misses, `${gaps} gaps, expected none`] };
}

/** An outcome where every client must have been told a gap on every stream. */
export function withGapsForAll(outcome: Outcome, streams: number): Outcome {
  const wanted = outcome.clients * streams;
  const { gaps } = outcome.account;
  if (gaps >= wanted) return outcome;
  return {
    ...outcome,
    misses: [...outcome.misses, `${gaps} gaps, expected at least ${wanted}: one per client and stream`],
  };
}
