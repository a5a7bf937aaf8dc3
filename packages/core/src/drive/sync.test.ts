import fc from "fast-check";
import { afterEach, describe, expect, expectTypeOf, it } from "vitest";
import type { Changes, Item } from "../client/item-table.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { memoryTransport } from "../testing/memory-link.ts";
import { defineContract, event } from "../wire/contract.ts";
import type { EventFrame, Position, StreamRequest, Verdict } from "../wire/frame.ts";
import { createClient } from "./create-client.ts";
import { deferred, type Deferred } from "./deferred.ts";
import { type Loaded, type LoadRequest, sync, type SyncOptions } from "./sync.ts";

const unhandled: unknown[] = [];
process.on("unhandledRejection", (cause) => unhandled.push(cause));
afterEach(() => {
  expect(unhandled.splice(0)).toEqual([]);
});

/** Lets promises settle: none here waits for anything but microtasks. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 12; turn++) await Promise.resolve();
};

/** One stream with a bounded log and the gateway's answers for one client, PROTOCOL §5.3; events carry items or deletions. */
class Stream {
  readonly memory = memoryTransport();
  epoch = 1;
  floor = 0;
  log: EventFrame[] = [];

  get head(): Position {
    const last = this.log.at(-1);
    return { epoch: `e${this.epoch}`, offset: last?.offset ?? 0, tag: last?.tag ?? "" };
  }
  get #up(): boolean {
    return this.memory.last.state === "open";
  }
  #tell(...frames: readonly object[]): void {
    for (const frame of frames) this.memory.last.deliver(JSON.stringify(frame));
  }

  publish(fields: Partial<EventFrame>): void {
    const offset = this.head.offset + 1;
    const tag = `${this.epoch}-${offset}`;
    this.log.push({ type: "event", channel: "c", event: "changed", data: null, offset, tag, ...fields });
    if (this.#up) this.#tell(this.log.at(-1) as EventFrame);
  }
  accept(): void {
    const peer = this.memory.last;
    if (peer.state !== "connecting") return;
    peer.onReceive = (text) => {
      const message = JSON.parse(text as string) as { type: string; streams?: StreamRequest[] };
      const request = message.streams?.find(({ channel }) => channel === "c");
      if (!request) return;
      const [verdict, missed] = this.#judge(request.position);
      const streams = [verdict];
      const connected = { type: "connected", connection: "x", heartbeatMs: 0, spreadMs: 100, streams };
      this.#tell(message.type === "hello" ? connected : { type: "verdict", streams }, ...missed);
    };
    peer.accept();
  }
  drop(): void {
    if (this.#up) this.memory.last.drop();
  }
  /** Another life of the broker, which starts empty. */
  forget(): void {
    this.epoch++;
    this.floor = 0;
    this.log = [];
    if (this.#up) this.#tell({ type: "verdict", streams: [this.#gap("epoch", 1, 0)] });
  }
  /** Retention: of what is there now nothing is kept. */
  trim(): void {
    this.floor = this.head.offset;
  }
  #judge(cursor: Position | undefined): [Verdict, readonly EventFrame[]] {
    const position = this.head;
    if (!cursor) return [{ channel: "c", verdict: "fresh", position }, []];
    if (cursor.epoch !== position.epoch) return [this.#gap("epoch", 1, position.offset), []];
    if (cursor.offset < this.floor) return [this.#gap("retention", cursor.offset + 1, position.offset), []];
    const missed = this.log.filter(({ offset = 0 }) => offset > cursor.offset);
    return [{ channel: "c", verdict: "recovered", position, count: missed.length }, missed];
  }
  #gap(reason: "epoch" | "retention", from: number, to: number): Verdict {
    return { channel: "c", verdict: "gap", position: this.head, from, to, reason };
  }
}

interface Call {
  readonly request: LoadRequest;
  readonly answer: Deferred<Loaded<string>>;
}

function setUp(options: Partial<SyncOptions<string>> = {}) {
  const clock = new ManualClock();
  const stream = new Stream();
  const client = createClient({ url: "x", transport: stream.memory.transport, clock });
  const errors: { readonly code: string; readonly message: string; readonly cause?: unknown }[] = [];
  client.on("error", (error) => errors.push(error));
  const loads: Call[] = [];
  const applied: Changes<string>[] = [];
  const view = new Map<string, string>();
  const statuses: string[] = [];
  const synced = sync<string>(client, {
    channel: "c",
    load: (request) => {
      const answer = deferred<Loaded<string>>();
      loads.push({ request, answer });
      return answer.promise;
    },
    apply: (changes) => {
      applied.push(changes);
      if (changes.reset) view.clear();
      for (const { key, value } of changes.set) view.set(key, value);
      for (const key of changes.deleted) view.delete(key);
    },
    toItem: (data) => data as Item<string>,
    onStatus: (status) => statuses.push(status),
    ...options,
  });
  const answer = async (...items: readonly Item<string>[]): Promise<void> => {
    loads.at(-1)?.answer.resolve({ items });
    await settle();
  };
  return { clock, stream, client, errors, loads, applied, view, statuses, synced, answer };
}

const item = (key: string, version: number, value = `${key}${version}`): Item<string> => ({ key, version, value });
const gone = (key: string, version: number) => ({ key, version, deleted: true });

describe("a synced view", () => {
  it("fixes the position, then loads, then follows; each burst is one call", async () => {
    const { stream, loads, applied, synced, statuses, answer } = setUp();
    stream.publish({ data: item("a", 1) });
    expect(loads.length).toBe(0);
    stream.accept();
    expect(loads.map(({ request }) => request.position)).toEqual([stream.head]);
    let ready = false;
    void synced.ready().then(() => (ready = true));
    await answer(item("a", 1));
    expect([ready, synced.status, statuses]).toEqual([true, "live", ["live"]]);
    for (const data of [item("a", 2), item("b", 1), item("a", 3), gone("b", 1)]) stream.publish({ data });
    await settle();
    expect(applied).toEqual([
      { set: [item("a", 1)], deleted: [], reset: true },
      { set: [item("a", 3)], deleted: ["b"], reset: false },
    ]);
  });

  it("W-21 finds a change made before the first socket was up, between fetch and socket, and while disconnected", async () => {
    const { clock, stream, client, loads, view, answer, statuses } = setUp();
    // The source holds a1; it changes after the load has read it and before the load answers.
    stream.accept();
    stream.publish({ data: item("a", 2) });
    await answer(item("a", 1));
    expect(view.get("a")).toBe("a2");
    stream.drop();
    stream.publish({ data: item("a", 3) });
    expect([client.status, view.get("a")]).toEqual(["reconnecting", "a2"]);
    clock.advance(1_000);
    stream.accept();
    await settle();
    expect([view.get("a"), loads.length, statuses]).toEqual(["a3", 1, ["live", "stale", "live"]]);
  });

  it("W-21 what was missed for good is loaded again", async () => {
    const { clock, stream, loads, view, answer, synced } = setUp();
    stream.accept();
    await answer(item("a", 1), item("b", 1));
    stream.drop();
    stream.publish({ data: item("a", 2) });
    stream.publish({ data: gone("b", 2) });
    stream.trim();
    clock.advance(1_000);
    stream.accept();
    expect([synced.status, loads.length]).toEqual(["stale", 1]);
    clock.advance(100);
    expect(loads[1]?.request.position).toEqual(stream.head);
    await answer(item("a", 2));
    expect([[...view], synced.status]).toEqual([[["a", "a2"]], "live"]);
  });

  describe("W-22", () => {
    it("two quick changes: the later one stays, in whatever order they come", async () => {
      const { stream, view, answer } = setUp();
      stream.accept();
      await answer(item("a", 1));
      stream.publish({ data: item("a", 3) });
      stream.publish({ data: item("a", 2) });
      await settle();
      expect(view.get("a")).toBe("a3");
    });

    it("a slow older fetch: what it answers does not replace what came meanwhile, nor what a later fetch answered", async () => {
      const { clock, stream, loads, view, answer } = setUp();
      stream.accept();
      stream.publish({ data: item("a", 2) });
      stream.forget();
      expect(loads[0]?.request.signal).toMatchObject({ aborted: true });
      clock.advance(100);
      stream.publish({ data: item("a", 4) });
      await answer(item("a", 3), item("b", 2));
      loads[0]?.answer.resolve({ items: [item("a", 1), item("b", 1)] });
      await settle();
      expect([...view.values()]).toEqual(["a4", "b2"]);
    });

    it("a delete during a fetch: the item does not come back, by the fetch or by a slow event", async () => {
      const { stream, view, answer } = setUp();
      stream.accept();
      stream.publish({ data: gone("a", 2) });
      await answer(item("a", 1), item("b", 1));
      stream.publish({ data: item("a", 1) });
      await settle();
      expect([...view.keys()]).toEqual(["b"]);
    });
  });

  it("W-26 a load that fails is reported, repeated after growing waits of at most 60 s, and loses nothing", async () => {
    const { clock, stream, loads, errors, view, synced, answer } = setUp();
    stream.accept();
    stream.publish({ data: item("a", 2) });
    const waits: unknown[] = [];
    for (let load = 0; load < 8; load++) {
      loads[load]?.answer.reject(new Error("source is away"));
      await settle();
      waits.push(clock.nextTimerMs);
      clock.advance(clock.nextTimerMs ?? 0);
    }
    // Half of each ceiling, as this clock draws.
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    expect(errors).toHaveLength(8);
    expect(errors[0]).toMatchObject({ code: "usage.listener-failed", message: "c: load failed" });
    expect(synced.status).toBe("loading");
    await answer(item("a", 1));
    expect([synced.status, view.get("a")]).toEqual(["live", "a2"]);
  });

  it("takes a load that throws at once, answers nonsense, or breaks off in the middle for a failed one", async () => {
    const good = { items: [item("a", 1)] };
    const answers: (() => unknown)[] = [
      () => {
        throw new Error("at once");
      },
      () => null,
      () => ({ items: [{ value: 1 }] }),
      () => ({
        items: (function* () {
          yield item("a", 1);
          throw new Error("in the middle");
        })(),
      }),
    ];
    const { clock, stream, errors, applied } = setUp({
      load: () => (answers.shift() ?? (() => good))() as typeof good,
    });
    stream.accept();
    await settle();
    for (let turn = 0; turn < 4; turn++) {
      clock.advance(clock.nextTimerMs ?? 0);
      await settle();
    }
    expect([errors.length, applied]).toEqual([4, [{ set: [item("a", 1)], deleted: [], reset: true }]]);
  });

  it("an apply that throws or rejects is reported and stops nothing", async () => {
    const seen: unknown[] = [];
    const { stream, errors, answer, synced } = setUp({
      apply: (changes) => {
        seen.push(changes);
        if (seen.length === 1) throw new Error("thrown");
        return Promise.reject(new Error("rejected"));
      },
    });
    stream.accept();
    await answer(item("a", 1));
    stream.publish({ data: item("a", 2) });
    await settle();
    expect(errors.map(({ message, cause }) => `${message}: ${(cause as Error).message}`)).toEqual([
      "c: apply failed: thrown",
      "c: apply failed: rejected",
    ]);
    expect([seen.length, synced.status]).toEqual([2, "live"]);
  });

  it("an overflow is reported and begins the load anew", async () => {
    const { clock, stream, errors, loads, view, answer } = setUp({ maxHeld: 2 });
    stream.accept();
    for (const key of ["a", "b", "c"]) stream.publish({ data: item(key, 1) });
    expect([errors.map(({ code }) => code), loads[0]?.request.signal]).toMatchObject([
      ["usage.overflow"],
      { aborted: true },
    ]);
    clock.advance(1_000);
    await answer(item("a", 1), item("b", 1), item("c", 1));
    expect(view.size).toBe(3);
  });

  it("an answer older than what is shown is asked for again; a source that stays behind was set back, and counts", async () => {
    const { clock, stream, errors, loads, view, answer, synced } = setUp();
    stream.accept();
    await answer(item("a", 5));
    synced.reload();
    clock.advance(0);
    for (let turn = 0; turn < 4; turn++) {
      await answer(item("a", 4));
      expect(view.get("a")).toBe("a5");
      clock.advance(clock.nextTimerMs ?? 0);
    }
    await answer(item("a", 4));
    expect([view.get("a"), loads.length, errors.length, synced.status]).toEqual(["a4", 6, 4, "live"]);
  });

  it('"reload" from an event loads again, once more when a load was under way', async () => {
    const { clock, stream, loads, view, answer } = setUp({ toItem: () => "reload" });
    stream.accept();
    stream.publish({});
    stream.publish({});
    await answer(item("a", 1));
    expect(loads.length).toBe(2);
    await answer(item("a", 2));
    stream.publish({});
    clock.advance(100);
    await answer(item("a", 3));
    expect([loads.length, view.get("a")]).toEqual([3, "a3"]);
  });

  it("by default an item is what a keyed event with a place says, and a state event without a key is named after itself", async () => {
    const { stream, applied, answer } = setUp({ toItem: undefined as never });
    stream.accept();
    await answer();
    stream.publish({ key: "k", data: "log" });
    stream.publish({ data: "no key" });
    stream.publish({ key: "x", deleted: true });
    stream.memory.last.deliver(
      JSON.stringify({ type: "event", channel: "c", event: "named", data: "state", revision: 1, tag: "s" }),
    );
    stream.memory.last.deliver(JSON.stringify({ type: "event", channel: "c", event: "v", key: "volatile", data: 1 }));
    await settle();
    const set = [
      { key: "k", value: "log" },
      { key: "named", value: "state" },
    ];
    expect(applied[1]).toEqual({ set, deleted: ["x"], reset: false });
  });

  it("what toItem throws or gets wrong is reported and stops nothing", async () => {
    const { stream, errors, view, answer } = setUp({
      toItem: (data) => {
        if (data === "throw") throw new Error("no item");
        return data as Item<string>;
      },
    });
    stream.accept();
    await answer();
    for (const data of ["throw", {}, item("a", 1)]) stream.publish({ data });
    await settle();
    expect([errors.map(({ cause }) => (cause as Error).message), view.get("a")]).toEqual([
      ["no item", 'c: toItem: expected an item with a string "key", got undefined'],
      "a1",
    ]);
  });

  it("stop() gives up the load, its timer and its listeners, and applies nothing more", async () => {
    for (const by of ["stop", "signal"] as const) {
      const controller = new AbortController();
      const { clock, stream, loads, applied, synced } = setUp({ signal: controller.signal });
      stream.accept();
      const ready = synced.ready();
      if (by === "stop") synced.stop();
      else controller.abort();
      synced.stop();
      await expect(ready).rejects.toMatchObject({ code: "usage.aborted" });
      expect(loads[0]?.request.signal).toMatchObject({ aborted: true });
      loads[0]?.answer.resolve({ items: [item("a", 1)] });
      stream.publish({ data: item("a", 2) });
      stream.forget();
      await settle();
      expect([applied, loads.length, clock.timers]).toEqual([[], 1, 0]);
    }
  });

  it("a signal that has aborted before asks for nothing", async () => {
    const { loads, synced, client } = setUp({ signal: AbortSignal.abort() });
    await expect(synced.ready()).rejects.toMatchObject({ code: "usage.aborted" });
    expect([loads.length, client.health().streams]).toEqual([0, []]);
  });

  it("a refusal rejects ready(), is reported, and is mended by a later verdict", async () => {
    const { stream, errors, synced, answer } = setUp();
    const { last } = stream.memory;
    const refused = { channel: "c", verdict: "refused", error: { code: "gateway.forbidden", message: "no" } };
    last.accept();
    last.deliver(
      JSON.stringify({ type: "connected", connection: "x", heartbeatMs: 0, spreadMs: 0, streams: [refused] }),
    );
    await settle();
    await expect(synced.ready()).rejects.toMatchObject({ code: "gateway.forbidden" });
    expect(errors).toMatchObject([{ code: "gateway.forbidden" }]);
    const fresh = { channel: "c", verdict: "fresh", position: stream.head };
    last.deliver(JSON.stringify({ type: "verdict", streams: [fresh] }));
    await answer(item("a", 1));
    await synced.ready();
    expect(synced.status).toBe("live");
  });

  it("names the option that is wrong", () => {
    const client = createClient({ url: "x", transport: memoryTransport().transport, autoConnect: false });
    expect(() => sync(client, { channel: "c", load: 7 as never, apply: () => {} })).toThrow(
      "sync.load: expected a function, got 7",
    );
  });

  it("takes a typed client, and types values by what load answers", () => {
    const contract = defineContract({ events: { "post.created": event<{ readonly title: string }>() } });
    const client = createClient({ url: "x", contract, transport: memoryTransport().transport, autoConnect: false });
    const synced = sync(client, {
      channel: "c",
      load: ({ signal }) => {
        expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
        return { items: [{ key: "a", value: 7 }] };
      },
      apply: ({ set }) => expectTypeOf(set).toEqualTypeOf<readonly Item<number>[]>(),
    });
    synced.stop();
  });
});

describe("random interleavings", () => {
  type Op = readonly [kind: (typeof kinds)[number], pick: number];
  const kinds = [
    "set",
    "set",
    "delete",
    "publish",
    "publish",
    "read",
    "answer",
    "fail",
    "drop",
    "up",
    "time",
    "reload",
    "trim",
    "forget",
  ] as const;
  const ops = fc.array(fc.tuple(fc.constantFrom(...kinds), fc.nat(5)), { maxLength: 60, size: "max" });

  /** A source with versions, changed and published apart; loads that read it, and later answer. */
  async function run(
    schedule: readonly Op[],
    { racing, versions }: { racing: boolean; versions: boolean },
  ): Promise<void> {
    const source = new Map<string, number>();
    const unpublished: { readonly key: string; readonly version: number; readonly deleted?: true }[] = [];
    const known = new Map<string, number>();
    let version = 0;
    const { clock, stream, loads, view, synced } = setUp({
      maxHeld: racing ? 10_000 : 2,
      toItem: (data) => {
        const { version: own, ...change } = data as ReturnType<typeof item>;
        return versions ? { ...change, version: own } : change;
      },
      apply: ({ set, deleted, reset }) => {
        if (reset) view.clear();
        for (const { key, value } of set) {
          // Never an older value, never one from before its deletion.
          if (versions) expect(Number(value)).toBeGreaterThanOrEqual(known.get(key) ?? 0);
          known.set(key, Number(value));
          view.set(key, value);
        }
        for (const key of deleted) view.delete(key);
      },
    });
    const reads = new Map<Call, Loaded<string>>();
    const read = (call: Call): void => {
      const position = version % 2 ? stream.head : undefined;
      const items = [...source].map(([key, own]) => ({ key, value: `${own}`, ...(versions && { version: own }) }));
      if (!reads.has(call)) reads.set(call, { items, position });
    };
    const pendingLoad = (): Call | undefined => loads.filter(({ request }) => !request.signal.aborted).at(-1);
    const act = async ([kind, pick]: Op): Promise<void> => {
      const key = "abc"[pick % 3] as string;
      const call = loads[loads.length - 1 - (pick % 2)] ?? loads.at(-1);
      if (kind === "set") {
        source.set(key, ++version);
        unpublished.push({ key, version });
      } else if (kind === "delete" && source.delete(key)) {
        unpublished.push({ key, version: ++version, deleted: true });
      } else if (kind === "publish") {
        const [change] = unpublished.splice(racing ? pick % Math.max(1, unpublished.length) : 0, 1);
        if (change) stream.publish({ data: change.deleted ? change : { ...change, value: `${change.version}` } });
      } else if (kind === "read" && call) read(call);
      else if (kind === "answer" && call && reads.has(call)) call.answer.resolve(reads.get(call) as Loaded<string>);
      else if (kind === "fail" && call && pick === 0) call.answer.reject(new Error("away"));
      else if (kind === "drop") stream.drop();
      else if (kind === "up") {
        while (stream.memory.last.state === "closed") clock.advance(clock.nextTimerMs ?? 0);
        stream.accept();
      } else if (kind === "time") clock.advance(pick * 100);
      else if (kind === "reload") synced.reload();
      else if (kind === "trim" && !racing) stream.trim();
      else if (kind === "forget" && !racing) stream.forget();
      await settle();
    };
    for (const op of schedule) await act(op);
    while (unpublished.length > 0) await act(["publish", 0]);
    for (let turn = 0; turn < 50 && synced.status !== "live"; turn++) {
      await act(["up", 0]);
      await act(["time", 600]);
      const call = pendingLoad();
      if (call) read(call);
      if (call) call.answer.resolve(reads.get(call) as Loaded<string>);
      await settle();
    }
    expect(synced.status).toBe("live");
    expect(view).toEqual(new Map([...source].map(([key, own]) => [key, `${own}`])));
    synced.stop();
  }

  it.each([
    ["versions, changes published in order, gaps and new epochs", { racing: false, versions: true }],
    ["versions, publishers that race", { racing: true, versions: true }],
    ["no versions, changes published in order, gaps and new epochs", { racing: false, versions: false }],
  ])("the view ends equal to its source: %s", async (_, options) => {
    await fc.assert(
      fc.asyncProperty(ops, (schedule) => run([["up", 0], ...schedule], options)),
      { numRuns: 300 },
    );
  });
});
