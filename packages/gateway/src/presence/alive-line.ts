// The line on which the gateways of one broker say that they are alive (PROTOCOL §13.5): performs what `Lives` decides.
import { randomBytes } from "node:crypto";
import { GatewayError } from "@trunkline/core/errors";
import type { Broker, Clock, StreamName, TimerHandle } from "@trunkline/core/ports";
import { type Beat, type Heard, Lives } from "./lives.ts";
import { maxKeys } from "./member.ts";
import { stateKeys } from "./state-keys.ts";

export interface AliveLineOptions {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly leaseMs: number;
  /** Hears of what is tried again. Must not throw. */
  readonly onError: (error: unknown) => void;
  /** A life begins, the first one too: all that this gateway says, it says as `id` from now on. Resolves when it has. Must not reject. */
  readonly onLife: (id: string) => Promise<void>;
  /** Gateways are dead, or may be: what they left behind is to be removed. Must not throw. */
  readonly onDeath: () => void;
}

/** No account can be named so. */
const aliveStream = "~gateway/alive" as StreamName;
/** Beats per lease. */
const beatsPerLease = 3;

export class AliveLine {
  readonly #options: AliveLineOptions;
  readonly #lives: Lives;
  /** The id that is beating, and those before it that have members still. */
  #id = newLife();
  #former: string[] = [];
  /** Whether `onLife` has heard of the id. */
  #isLiving = false;
  #beating: Promise<void> | null = null;
  #timer: TimerHandle | null = null;
  #closed = false;

  constructor(options: AliveLineOptions) {
    this.#options = options;
    this.#lives = new Lives(options.leaseMs);
  }

  /** Resolves once this gateway has a life: `onLife` has been called. @throws {GatewayError} `gateway.unavailable` */
  async join(): Promise<void> {
    if (this.#isLiving) return;
    await this.beat();
    if (!this.#isLiving) throw new GatewayError("gateway.unavailable", "the broker can't be used just now");
  }

  /** Beats now, if it has begun to, and from then on. Never rejects. */
  beat(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#beating ??= this.#beat()
      .catch((error: unknown) => (this.#closed ? undefined : this.#options.onError(error)))
      .finally(() => {
        this.#beating = null;
        this.#arm();
      });
    return this.#beating;
  }

  /** Whether it was ever asked to join. */
  get hasBegun(): boolean {
    return this.#timer !== null || this.#beating !== null;
  }

  /** Those of `ids` that are dead for certain. @throws what the broker's `read` throws */
  async deadAmong(ids: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    const strangers = [...ids].filter((id) => !this.#lives.isAlive(id));
    if (strangers.length === 0) return new Set();
    // A gateway beats before it says anything else: whoever has no beat now is over.
    const { beats } = await this.#read();
    return new Set(strangers.filter((id) => !beats.has(id)));
  }

  /** @param isEmpty nothing is left that this gateway has said: nobody has to wait for the lease */
  async close(isEmpty: boolean): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) this.#options.clock.clearTimer(this.#timer);
    await this.#beating;
    if (!isEmpty || !this.#isLiving) return;
    await this.#remove(this.#id).catch((error: unknown) => this.#options.onError(error));
  }

  async #beat(): Promise<void> {
    const { clock, onLife, onDeath } = this.#options;
    let judged = this.#lives.hear(await this.#write(), this.#id, clock.now());
    if (judged.isOver) {
      this.#former.push(this.#id);
      this.#id = newLife();
      this.#isLiving = false;
      judged = this.#lives.hear(await this.#write(), this.#id, clock.now());
    }
    const isNew = !this.#isLiving;
    this.#isLiving = true;
    // However long it takes, the next beat must not wait for it.
    if (isNew) void onLife(this.#id).then(() => this.#giveUp(this.#former.splice(0)));
    for (const [id, beat] of judged.dead) await this.#remove(id, beat);
    if (isNew || judged.isMissing || judged.dead.length > 0) onDeath();
  }

  /** Others need not wait for the lease of lives that are over. */
  async #giveUp(former: readonly string[]): Promise<void> {
    if (former.length === 0) return;
    try {
      for (const id of former) await this.#remove(id);
      this.#options.onDeath();
    } catch (error) {
      // They are silent: in time they are found dead.
      if (!this.#closed) this.#options.onError(error);
    }
  }

  /** Writes a beat, and reads the line behind it. */
  async #write(): Promise<Heard> {
    const { broker } = this.#options;
    const body = JSON.stringify({ event: "alive", data: null, key: this.#id });
    const appended = await broker.append(aliveStream, { body, state: { key: this.#id, deleted: false, maxKeys } });
    if (appended.kind !== "appended") throw new Error(`expected the broker to store a beat, got ${appended.kind}`);
    return this.#read(appended.position.epoch);
  }

  async #read(epoch = ""): Promise<Heard> {
    const entries = await stateKeys(this.#options.broker, aliveStream);
    const beats = new Map<string, Beat>(entries.map(([key, { offset, time }]) => [key, { revision: offset, time }]));
    return { epoch, beats };
  }

  /** Once for each beat, however many gateways find its gateway dead. */
  async #remove(id: string, beat?: Beat): Promise<void> {
    const { broker } = this.#options;
    const body = JSON.stringify({ event: "alive", data: null, key: id });
    const once = beat !== undefined && { dedupeKey: `dead:${id}:${beat.revision}` };
    await broker.append(aliveStream, { body, state: { key: id, deleted: true, maxKeys }, ...once });
    this.#lives.bury(id);
  }

  #arm(): void {
    const { clock, leaseMs } = this.#options;
    if (this.#timer !== null) clock.clearTimer(this.#timer);
    this.#timer = this.#closed ? null : clock.setTimer(() => void this.beat(), leaseMs / beatsPerLease);
  }
}

/** Names one life of a gateway. */
export function newLife(): string {
  return randomBytes(6).toString("base64url");
}
