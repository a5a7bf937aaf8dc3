// Publishes numbered events over HTTP, one at a time per stream, and keeps the receipts.
import { setTimeout as sleep } from "node:timers/promises";
import type { Accepted, AcceptedChange, Receipts } from "../ledger/record.ts";
import type { Random } from "../random.ts";
import { secretKey } from "./contract.ts";

export interface StreamPlan {
  readonly channel: string;
  /** Log events. */
  readonly events: number;
  /** State changes among them, every so many events. @defaultValue none */
  readonly changeEvery?: number;
  /** @defaultValue 8 */
  readonly keys?: number;
  /** Between two publishes, in milliseconds. */
  readonly everyMs: number;
  /** Characters added to each event. @defaultValue 0 */
  readonly padding?: number;
}

export interface PublisherOptions {
  /** Where to publish just now; each attempt takes the next one. */
  readonly urls: () => readonly string[];
  readonly random: Random;
  /**
   * What follows a publish whose answer did not come: the same again with its id, or the next one. The second where the
   * broker may lose what it knows of ids.
   * @defaultValue "retry"
   */
  readonly inDoubt?: "retry" | "skip";
}

/** How long one event is tried, in milliseconds. */
const patienceMs = 60_000;
const answerMs = 5_000;

type Outcome =
  | { readonly kind: "accepted"; readonly epoch: string; readonly offset: number }
  /** Certainly not stored. */
  | { readonly kind: "refused"; readonly why: string }
  | { readonly kind: "unknown"; readonly why: string };

export class Publisher {
  /** What went wrong on the way, counted by its words. */
  readonly troubles = new Map<string, number>();
  readonly #options: PublisherOptions;
  readonly #books = new Map<string, { log: Accepted[]; state: AcceptedChange[]; unknown: number[] }>();
  readonly #numbers = new Map<string, number>();
  #turn = 0;
  #stopped = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  get receipts(): Readonly<Record<string, Receipts>> {
    return Object.fromEntries(this.#books);
  }

  /** Accepted so far, on both lines. */
  get accepted(): number {
    let sum = 0;
    for (const { log, state } of this.#books.values()) sum += log.length + state.length;
    return sum;
  }

  get unknown(): number {
    let sum = 0;
    for (const { unknown } of this.#books.values()) sum += unknown.length;
    return sum;
  }

  /** Resolves when everything was published. A stream that was published to before is continued. */
  async run(plans: readonly StreamPlan[]): Promise<void> {
    await Promise.all(plans.map((plan) => this.#runOne(plan)));
  }

  stop(): void {
    this.#stopped = true;
  }

  async #runOne({ channel, events, changeEvery = 0, keys = 8, everyMs, padding = 0 }: StreamPlan): Promise<void> {
    const pad = padding > 0 && { pad: "x".repeat(padding) };
    for (let index = 1; index <= events && !this.#stopped; index++) {
      await this.#publish(channel, "happened", undefined, pad);
      if (changeEvery > 0 && index % changeEvery === 0) {
        const removes = this.#options.random.chance(0.2);
        const key = `k${this.#options.random.below(keys)}`;
        await this.#publish(channel, removes ? "value.removed" : "value.set", key, pad);
      }
      await sleep(everyMs * (0.5 + this.#options.random.next()));
    }
  }

  /** Sets every key once more, so that what each should be is known. */
  async setAll(channel: string, keys = 8): Promise<void> {
    for (let key = 0; key < keys; key++) await this.#publish(channel, "value.set", `k${key}`, false);
  }

  async #publish(
    channel: string,
    event: string,
    key: string | undefined,
    pad: false | { readonly pad: string },
  ): Promise<void> {
    const books = this.#books.get(channel) ?? { log: [], state: [], unknown: [] };
    this.#books.set(channel, books);
    const n = (this.#numbers.get(channel) ?? 0) + 1;
    this.#numbers.set(channel, n);
    const body = JSON.stringify({ event, channel, key, id: `${channel}-${n}`, data: { n, ...pad } });
    const outcome = await this.#insist(body);
    if (outcome.kind === "unknown") books.unknown.push(n);
    if (outcome.kind !== "accepted") return;
    const { epoch, offset } = outcome;
    if (key === undefined) books.log.push({ n, epoch, offset });
    else books.state.push({ n, epoch, offset, key, deleted: event === "value.removed" });
  }

  async #insist(body: string): Promise<Outcome> {
    const until = performance.now() + patienceMs;
    let doubtful = false;
    for (;;) {
      const outcome = await this.#attempt(body);
      if (outcome.kind === "accepted") return outcome;
      this.troubles.set(outcome.why, (this.troubles.get(outcome.why) ?? 0) + 1);
      doubtful ||= outcome.kind === "unknown";
      const last = performance.now() > until || this.#stopped || (doubtful && this.#options.inDoubt === "skip");
      if (last) return doubtful ? { kind: "unknown", why: outcome.why } : outcome;
      await sleep(50 + 100 * this.#options.random.next());
    }
  }

  async #attempt(body: string): Promise<Outcome> {
    const urls = this.#options.urls();
    const url = urls[this.#turn++ % urls.length];
    if (url === undefined) return { kind: "refused", why: "no gateway" };
    let response: Response;
    try {
      response = await fetch(`${url}/api/v1/publish`, {
        method: "POST",
        headers: { authorization: `Bearer ${secretKey}`, "content-type": "application/json" },
        body,
        signal: AbortSignal.timeout(answerMs),
      });
      const answer = (await response.json()) as Answer;
      if (response.status === 202) return { kind: "accepted", epoch: answer.epoch, offset: answer.offset };
      const { code } = answer.error;
      const kind = code === "gateway.outcome-unknown" ? "unknown" : "refused";
      return { kind, why: `${response.status} ${code}` };
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      const code = (cause as { readonly code?: string }).code ?? (cause as Error).name;
      // Nobody listened, so nobody heard.
      return { kind: code === "ECONNREFUSED" ? "refused" : "unknown", why: code };
    }
  }
}

interface Answer {
  readonly epoch: string;
  readonly offset: number;
  readonly error: { readonly code: string };
}
