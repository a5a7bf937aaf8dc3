// Who holds which stream of a client, and what the gateway is asked for on their behalf: once for all who hold one, in few frames.
import type { Client } from "@trunkline/core";
import { GatewayError, type TrunklineError, UsageError } from "@trunkline/core/errors";
import { type Line, subscribeAll, unsubscribeAll } from "@trunkline/core/modules";
import { byteLength, companion, type StreamRequest, type Verdict } from "@trunkline/core/wire";
import { Linger } from "./linger.ts";
import { Pace } from "./pace.ts";

/**
 * `pending`: its verdict is awaited, or the connection · `live`: events come · `refused` · `ended`: the gateway took this client
 * off it.
 */
export type ChannelStatus = "pending" | "live" | "refused" | "ended";

/** Told each verdict and each change; `verdict` is null when it is the connection that changed. `error`: why it is not granted, or null. */
export type Holder = (
  status: ChannelStatus,
  previous: ChannelStatus,
  verdict: Verdict | null,
  error: TrunklineError | null,
) => void;

export interface Subscription {
  readonly status: ChannelStatus;
  /** Whether the gateway has let this very link in. */
  readonly on: boolean;
  /** Why it is not granted, or null. */
  readonly error: TrunklineError | null;
  /** Whoever holds it no longer is told nothing any more. The last one leaves the stream, after `lingerMs`. Idempotent. */
  release(lingerMs: number): void;
}

type Wanted = Pick<StreamRequest, "token" | "rewind">;

/** One frame of each kind in this time, in milliseconds: a gateway takes 100 messages a second. */
const frameEveryMs = 50;
/** Streams that nobody holds and that are not left yet; of more, the oldest are left. */
const maxLingering = 100;
/** Bytes of names in one `unsubscribe`. */
const maxNameBytes = 48_000;

interface Entry {
  readonly name: string;
  holders: readonly Holder[];
  status: ChannelStatus;
  error: TrunklineError | null;
  wanted: Wanted;
  /** Over which the last verdict came that let us in. */
  link: number;
  /** The line was asked for it, at least once. */
  asked?: boolean;
  /** It is to be asked for, anew or the first time. */
  due?: boolean;
  /** Asked again since it ended while it was asked for: the two may have crossed. */
  again?: boolean;
  /** It was not granted when that was told last. */
  regains?: boolean;
  /** Nobody holds it, and it is to be left. */
  dropped?: boolean;
  /** Somebody else is on it: it is not ours to leave. */
  borrowed?: boolean;
}

/** What becomes of streams, whoever holds them. */
interface Keeper {
  /** A verdict came, or the connection was lost. */
  moved(name: string, subscription: Pick<Subscription, "status" | "on" | "error">): void;
  /** Nobody held it for long enough: it is left. */
  left(name: string): void;
}

/** Bounded by what is held, and `maxLingering`. */
export class Subscriptions {
  readonly #client: Pick<Client, "health">;
  readonly #line: Line;
  readonly #pace: Pace;
  readonly #entries = new Map<string, Entry>();
  /** Those with something to ask for or to leave. */
  readonly #due = new Set<Entry>();
  /** Those that nobody holds. */
  readonly #lingering: Linger<Entry>;
  readonly #keeper: Keeper;
  /** What holders have not been told yet: one of them may ask again at once. */
  readonly #news: (() => void)[] = [];

  constructor(client: Pick<Client, "on" | "health">, line: Line, keeper: Keeper) {
    this.#client = client;
    this.#line = line;
    this.#keeper = keeper;
    this.#lingering = new Linger(line.clock, maxLingering, (entry) => {
      entry.dropped = true;
      this.#due.add(entry);
      this.#pace.ask();
    });
    this.#pace = new Pace(line.clock, frameEveryMs, () => this.#flush());
    line.on("verdict", (verdict) => this.#judge(verdict));
    line.inside.driver.keeps = (name, wanted = false) => {
      const entry = this.#entries.get(name);
      if (entry?.asked) entry.borrowed = wanted;
      return entry?.asked;
    };
    client.on("status", (status) => {
      if (status !== "connected") this.#lost();
      if (status === "disconnected") this.#rest();
    });
  }

  acquire(name: string, wanted: Wanted, holder: Holder): Subscription {
    const entry = this.#entries.get(name) ?? this.#open(name, wanted);
    entry.dropped = false;
    this.#lingering.delete(entry);
    const { token } = wanted;
    const renews = token !== undefined && token !== entry.wanted.token;
    if (entry.holders.length === 0 && entry.error) entry.wanted = wanted;
    if (this.#line.enveloped && (renews || entry.error)) this.#renew(name, token);
    entry.holders = [...entry.holders, holder];
    let held = true;
    const isOn = (): boolean => this.#isOn(entry);
    return {
      get status() {
        return entry.status;
      },
      get on() {
        return isOn();
      },
      get error() {
        return entry.error;
      },
      release: (lingerMs) => {
        if (!held) return;
        held = false;
        entry.holders = entry.holders.filter((other) => other !== holder);
        if (entry.holders.length === 0) this.#lingering.add(entry, lingerMs);
      },
    };
  }

  #open(name: string, wanted: Wanted): Entry {
    const { enveloped } = this.#line;
    const status = enveloped ? "pending" : "refused";
    const error = enveloped
      ? null
      : new UsageError("usage.unsupported", "expected a dialect that has channels, got plain");
    const entry: Entry = { name, holders: [], status, error, wanted, link: 0 };
    this.#entries.set(name, entry);
    if (enveloped) this.#ask(entry);
    return entry;
  }

  /** What goes along with a channel ends with the permission for it, and is asked for again with it. */
  #renew(name: string, token?: string): void {
    for (const each of [name, companion("members", name), companion("count", name)]) {
      const entry = this.#entries.get(each);
      if (!entry || (token === undefined && !entry.error)) continue;
      if (token !== undefined) entry.wanted = { ...entry.wanted, token };
      if (entry.error) this.#move(entry, "pending");
      this.#ask(entry);
    }
  }

  #ask(entry: Entry): void {
    entry.due = true;
    this.#due.add(entry);
    this.#pace.ask();
  }

  /** Nothing will come for a while: nothing waits for it. */
  #rest(): void {
    this.#lingering.end();
    this.#pace.now();
  }

  #flush(): boolean {
    const due = [...this.#due];
    this.#due.clear();
    const wanted = due.filter((entry) => entry.due && !entry.dropped);
    const dropped = due.filter((entry) => entry.dropped);
    for (const { name } of dropped) {
      this.#entries.delete(name);
      this.#keeper.left(name);
    }
    const left = dropped.filter(({ asked, borrowed }) => asked && borrowed !== true).map(({ name }) => name);
    this.#leave(left);
    if (wanted.length === 0) return left.length > 0;
    const others = new Set(this.#client.health().streams.map(({ channel }) => channel));
    for (const entry of wanted) {
      entry.asked = true;
      entry.due = false;
      entry.borrowed ??= others.has(entry.name);
    }
    subscribeAll(
      this.#line,
      wanted.map((entry) => ({ channel: entry.name, ...entry.wanted })),
    );
    return true;
  }

  #leave(names: readonly string[]): void {
    let batch: string[] = [];
    let bytes = 0;
    for (const name of names) {
      const more = byteLength(JSON.stringify(name)) + 1;
      if (bytes + more > maxNameBytes) {
        unsubscribeAll(this.#line, batch);
        [batch, bytes] = [[], 0];
      }
      batch.push(name);
      bytes += more;
    }
    if (batch.length > 0) unsubscribeAll(this.#line, batch);
  }

  #judge(verdict: Verdict): void {
    const entry = this.#entries.get(verdict.channel);
    if (!entry) return;
    if (verdict.verdict === "ended" && entry.status === "pending" && !entry.again) {
      entry.again = true;
      return this.#ask(entry);
    }
    entry.again = false;
    const { verdict: name } = verdict;
    entry.link = this.#line.link;
    if (name !== "refused" && name !== "ended") {
      // If it is begun anew after this: what was heard must not come again, but the state may be another.
      if (entry.wanted.rewind) entry.wanted = { ...entry.wanted, rewind: 0 };
      const regained = entry.regains;
      entry.regains = false;
      this.#move(entry, "live", verdict);
      return regained ? this.#renew(entry.name) : undefined;
    }
    entry.regains = true;
    const { code, message } = name === "refused" ? verdict.error : ended;
    // The gateway's codes are ours; one of a later version is passed on as it is.
    const error = new GatewayError(code as GatewayError["code"], `${entry.name}: ${message}`);
    this.#move(entry, name, verdict, error);
  }

  isOn(name: string): boolean {
    const entry = this.#entries.get(name);
    return entry !== undefined && this.#isOn(entry);
  }

  #isOn({ status, link }: Entry): boolean {
    return status === "live" && link === this.#line.link;
  }

  #lost(): void {
    for (const entry of this.#entries.values()) if (entry.status === "live") this.#move(entry, "pending");
  }

  #move(
    entry: Entry,
    status: ChannelStatus,
    verdict: Verdict | null = null,
    error: TrunklineError | null = null,
  ): void {
    const { status: previous, holders } = entry;
    entry.status = status;
    entry.error = error;
    this.#keeper.moved(entry.name, { status, error, on: this.#isOn(entry) });
    this.#news.push(() => {
      for (const holder of holders) holder(status, previous, verdict, error);
    });
    if (this.#news.length > 1) return;
    // Grows while it is walked.
    for (const tell of this.#news) tell();
    this.#news.length = 0;
  }
}

const ended = { code: "gateway.forbidden", message: "the gateway took us off it" };
