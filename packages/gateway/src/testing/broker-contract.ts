// What every broker must do, as tests. The test framework's functions are passed in, so that this file can be published.
import type { Append, Broker, BrokerListener, BrokerSession, Entry, Place, StreamName } from "@trunkline/core/ports";

/** The part of vitest (or jest, or node:test with an `expect`) that the suite uses. */
export interface ContractFramework {
  readonly describe: (name: string, body: () => void) => unknown;
  readonly it: (name: string, body: () => Promise<void>) => unknown;
  readonly expect: (actual: unknown) => ContractExpectation;
}
export interface ContractExpectation {
  toBe(expected: unknown): unknown;
  toEqual(expected: unknown): unknown;
  toMatch(expected: RegExp): unknown;
}

/** What the suite asks of a new broker. */
export interface ContractBrokerOptions {
  /** It keeps so many of the last events of a stream, however old, and no more. */
  readonly historyCount: number;
  /** It takes so many state keys per stream, and no more. */
  readonly maxStateKeys: number;
}

/** Opens a broker. The suite closes it; streams of brokers that share a store have different names in each test. */
export type MakeBroker = (options: ContractBrokerOptions) => Promise<Broker>;

const waitMs = 5_000;

/** A listener that writes down what it hears. */
class Recorder implements BrokerListener {
  readonly entries: { readonly stream: StreamName; readonly entry: Entry }[] = [];
  readonly volatile: { readonly stream: StreamName; readonly body: string; readonly time: number }[] = [];

  onEntry(stream: StreamName, entry: Entry): void {
    this.entries.push({ stream, entry });
  }
  onVolatile(stream: StreamName, body: string, time: number): void {
    this.volatile.push({ stream, body, time });
  }
  onDoubt(): void {}
  onAvailable(): void {}

  of(stream: StreamName): readonly Entry[] {
    return this.entries.filter((heard) => heard.stream === stream).map((heard) => heard.entry);
  }

  async hears(count: number, what: "entries" | "volatile" = "entries"): Promise<void> {
    const deadline = Date.now() + waitMs;
    while (this[what].length < count) {
      if (Date.now() > deadline)
        throw new Error(`expected ${count} ${what} within ${waitMs} ms, got ${this[what].length}`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}

interface Bench {
  readonly broker: Broker;
  readonly stream: StreamName;
  /** Another stream of the same account. */
  readonly sibling: (suffix: string) => StreamName;
  readonly open: () => { readonly session: BrokerSession; readonly heard: Recorder };
}

/**
 * The contract suite: `brokerContract("memory", { describe, it, expect }, async ({ historyCount }) => …)`. No test
 * depends on time; what comes later is waited for, and "nothing came" is asserted behind something that did come.
 */
export function brokerContract(
  name: string,
  { describe, it, expect }: ContractFramework,
  makeBroker: MakeBroker,
): void {
  const test = (
    sentence: string,
    body: (bench: Bench) => Promise<void>,
    historyCount = 100,
    maxStateKeys = 100,
  ): void => {
    it(sentence, async () => {
      const broker = await makeBroker({ historyCount, maxStateKeys });
      const account = `contract-${Math.random().toString(36).slice(2, 12)}`;
      const sibling = (suffix: string): StreamName => `${account}/room${suffix}` as StreamName;
      const sessions: BrokerSession[] = [];
      const open = (): { session: BrokerSession; heard: Recorder } => {
        const heard = new Recorder();
        const session = broker.open(heard);
        sessions.push(session);
        return { session, heard };
      };
      try {
        await body({ broker, stream: sibling(""), sibling, open });
      } finally {
        for (const session of sessions) await session.close();
        await broker.close();
      }
    });
  };

  describe(`${name} broker`, () => {
    describe("history", () => {
      test("a stream never written is empty, with a head at 0", async ({ broker, stream }) => {
        const page = await broker.read(stream, { offset: 0, revision: 0 }, 10);
        expect({ ...page, head: { ...page.head, epoch: "" } }).toEqual({
          head: { epoch: "", offset: 0, tag: "" },
          log: { floor: 0, tagAtStart: "", entries: [], count: 0 },
          state: { floor: 0, tagAtStart: "", entries: [], count: 0 },
        });
        expect(page.head.epoch).toMatch(/./);
      });

      test("offsets count from 1 without gaps, in the order of the calls", async ({ broker, stream }) => {
        const offsets: number[] = [];
        for (let index = 0; index < 5; index++) offsets.push((await put(broker, stream, `{"n":${index}}`)).offset);
        expect(offsets).toEqual([1, 2, 3, 4, 5]);
        const { entries } = (await broker.read(stream, { offset: 0 }, 10)).log;
        expect(entries.map(({ offset, body }) => [offset, body])).toEqual(
          [0, 1, 2, 3, 4].map((n) => [n + 1, `{"n":${n}}`]),
        );
      });

      test("appends that run at the same time get the offsets of the order of their calls", async ({
        broker,
        stream,
      }) => {
        const positions = await Promise.all(Array.from({ length: 50 }, (_, n) => put(broker, stream, `{"n":${n}}`)));
        expect(positions.map(({ offset }) => offset)).toEqual(Array.from({ length: 50 }, (_, n) => n + 1));
        const { entries } = (await broker.read(stream, { offset: 0 }, 100)).log;
        expect(entries.map(({ body }) => body)).toEqual(Array.from({ length: 50 }, (_, n) => `{"n":${n}}`));
      });

      test("each stream has offsets of its own", async ({ broker, stream, sibling }) => {
        await put(broker, stream, "{}");
        await put(broker, stream, "{}");
        expect((await put(broker, sibling("-b"), "{}")).offset).toBe(1);
      });

      test("the epoch stays the same, and receipts, heads and reads agree on position", async ({ broker, stream }) => {
        const before = (await broker.read(stream, { offset: 0 }, 1)).head;
        const first = await put(broker, stream, "{}");
        const second = await put(broker, stream, "{}");
        const page = await broker.read(stream, { offset: 0 }, 10);
        expect([first.epoch, second.epoch, page.head.epoch]).toEqual([before.epoch, before.epoch, before.epoch]);
        expect(page.head).toEqual(second);
        expect(page.log.entries.map(({ tag }) => tag)).toEqual([first.tag, second.tag]);
      });

      test("tags are not empty and differ from event to event and from stream to stream", async ({
        broker,
        stream,
        sibling,
      }) => {
        const positions: Place[] = [];
        for (const name of [stream, stream, sibling("-b"), sibling("-b")])
          positions.push(await put(broker, name, "{}"));
        expect(new Set(positions.map(({ tag }) => tag)).size).toBe(4);
        for (const { tag } of positions) expect(tag).toMatch(/^[0-9A-Za-z_-]{1,32}$/);
      });

      test("a body arrives and is read unchanged", async ({ broker, stream, open }) => {
        const bodies = [
          "{}",
          '{"event":"a","data":"\\u0000 \\n \\" \\\\"}',
          '{"data":"ẞ 漢字 🚀 \u2028 \u00e9 e\u0301"}',
          '{ "spaced" :  1.0 , "big":12345678901234567890,"dup":1,"dup":2}',
          `{"long":"${"x".repeat(100_000)}"}`,
        ];
        const { session, heard } = open();
        await session.subscribe(stream);
        for (const body of bodies) await put(broker, stream, body);
        await heard.hears(bodies.length);
        expect(heard.of(stream).map(({ body }) => body)).toEqual(bodies);
        expect((await broker.read(stream, { offset: 0 }, 10)).log.entries.map(({ body }) => body)).toEqual(bodies);
      });

      test("a read gives what follows the asked offset, at most the asked number", async ({ broker, stream }) => {
        const positions = await fill(broker, stream, 6);
        const offsets = async (after: number, limit: number): Promise<readonly number[]> =>
          (await broker.read(stream, { offset: after }, limit)).log.entries.map(({ offset }) => offset);
        expect(await offsets(0, 3)).toEqual([1, 2, 3]);
        expect(await offsets(3, 2)).toEqual([4, 5]);
        expect(await offsets(4, 100)).toEqual([5, 6]);
        expect(await offsets(6, 100)).toEqual([]);
        expect(await offsets(9, 100)).toEqual([]);
        expect(await offsets(2, 0)).toEqual([]);
        expect((await broker.read(stream, { offset: 2 }, 1)).head).toEqual(positions[5]);
      });

      test("a read tells the tag of the asked offset, and null beyond the head", async ({ broker, stream }) => {
        const positions = await fill(broker, stream, 3);
        const tags: (string | null)[] = [];
        for (const after of [0, 1, 2, 3, 4])
          tags.push((await broker.read(stream, { offset: after }, 1)).log.tagAtStart);
        expect(tags).toEqual(["", ...positions.map(({ tag }) => tag), null]);
      });

      test("history is bounded: the floor is the newest event that is gone, its tag is still known, and the head goes on", async ({
        broker,
        stream,
      }) => {
        const positions = await fill(broker, stream, 10);
        const atFloor = await broker.read(stream, { offset: 6 }, 100);
        expect(atFloor.log.floor).toBe(6);
        expect(atFloor.log.tagAtStart).toBe(positions[5]?.tag);
        expect(atFloor.head).toEqual(positions[9]);
        expect(atFloor.log.entries.map(({ offset }) => offset)).toEqual([7, 8, 9, 10]);
        expect((await put(broker, stream, "{}")).offset).toBe(11);
        expect((await broker.read(stream, { offset: 7 }, 100)).log.floor).toBe(7);
      }, 4);

      test("a read from below the floor gives no entries: a part is never presented as the whole", async ({
        broker,
        stream,
      }) => {
        const positions = await fill(broker, stream, 10);
        const page = await broker.read(stream, { offset: 3 }, 100);
        expect([page.head, page.log.floor, page.log.entries]).toEqual([positions[9], 6, []]);
        expect((await broker.read(stream, { offset: 0 }, 100)).log.entries).toEqual([]);
      }, 4);

      test("an event is stored with a time that never goes back along the stream", async ({ broker, stream }) => {
        await fill(broker, stream, 5);
        const times = (await broker.read(stream, { offset: 0 }, 10)).log.entries.map(({ time }) => time);
        expect(times.every((time) => Number.isSafeInteger(Math.trunc(time)) && time > 0)).toBe(true);
        expect(times).toEqual([...times].sort((a, b) => a - b));
      });
    });

    describe("the state line", () => {
      test("keeps the latest per key, in the order of the last changes, with revisions that only increase", async ({
        broker,
        stream,
      }) => {
        for (const [key, n] of [
          ["a", 1],
          ["b", 2],
          ["a", 3],
          ["c", 4],
        ] as const)
          expect((await set(broker, stream, key, n)).offset).toBe(n);
        const page = await broker.read(stream, { offset: 0, revision: 0 }, 10);
        expect(page.state.entries.map(({ line, offset, body }) => [line, offset, body])).toEqual([
          ["state", 2, '{"key":"b","n":2}'],
          ["state", 3, '{"key":"a","n":3}'],
          ["state", 4, '{"key":"c","n":4}'],
        ]);
        expect([page.state.floor, page.state.count, page.log.entries]).toEqual([0, 3, []]);
        expect(page.head.state).toEqual({ revision: 4, tag: page.state.entries[2]?.tag });
      });

      test("has places of its own: log offsets stay gapless, and receipts name the place on the event's own line", async ({
        broker,
        stream,
      }) => {
        const places = [
          await put(broker, stream, "{}"),
          await set(broker, stream, "a", 1),
          await put(broker, stream, "{}"),
        ];
        expect(places.map(({ offset }) => offset)).toEqual([1, 1, 2]);
        const [, change, last] = places;
        const { head } = await broker.read(stream, { offset: 2 }, 10);
        expect(head).toEqual({ ...last, state: { revision: 1, tag: change?.tag } });
        expect(change?.epoch).toBe(last?.epoch);
      });

      test("is read from a revision on, at most the asked number, and counted whole; not at all unless asked", async ({
        broker,
        stream,
      }) => {
        const places = [];
        for (let n = 1; n <= 6; n++) places.push(await set(broker, stream, `k${n}`, n));
        const page = await broker.read(stream, { offset: 0, revision: 2 }, 3);
        expect(page.state.entries.map(({ offset }) => offset)).toEqual([3, 4, 5]);
        expect([page.state.count, page.state.tagAtStart]).toEqual([4, places[1]?.tag]);
        await set(broker, stream, "k2", 7);
        expect((await broker.read(stream, { offset: 0, revision: 2 }, 3)).state.tagAtStart).toBe(null);
        const unasked = (await broker.read(stream, { offset: 0 }, 3)).state;
        expect([unasked.entries, unasked.count]).toEqual([[], 0]);
        const atHead = (await broker.read(stream, { offset: 0, revision: 7 }, 3)).state;
        expect([atHead.entries, atHead.count]).toEqual([[], 0]);
      });

      test("a deletion takes the place of the value, and is delivered and read as such", async ({
        broker,
        stream,
        open,
      }) => {
        const { session, heard } = open();
        await session.subscribe(stream);
        await set(broker, stream, "a", 1);
        await set(broker, stream, "b", 2);
        await set(broker, stream, "a", 3, true);
        await heard.hears(3);
        const { entries } = (await broker.read(stream, { offset: 0, revision: 0 }, 10)).state;
        expect(entries.map(({ offset, deleted }) => [offset, deleted === true])).toEqual([
          [2, false],
          [3, true],
        ]);
        expect(heard.of(stream).map(({ line, offset, deleted }) => [line, offset, deleted === true])).toEqual([
          ["state", 1, false],
          ["state", 2, false],
          ["state", 3, true],
        ]);
        expect(heard.of(stream).slice(1)).toEqual(entries);
        await set(broker, stream, "a", 4);
        const again = (await broker.read(stream, { offset: 0, revision: 0 }, 10)).state.entries;
        expect(again.map(({ offset, deleted }) => [offset, deleted === true])).toEqual([
          [2, false],
          [4, false],
        ]);
      });

      test("is not shortened by the history's bound", async ({ broker, stream }) => {
        for (let n = 1; n <= 6; n++) await set(broker, stream, `k${n}`, n);
        await fill(broker, stream, 6);
        expect((await broker.read(stream, { offset: 0, revision: 0 }, 10)).state.count).toBe(6);
      }, 2);

      test(
        "a key beyond the bound is refused with gateway.limit, and nothing is stored; a known one is taken",
        async ({ broker, stream }) => {
          for (let n = 1; n <= 3; n++) await set(broker, stream, `k${n}`, n);
          const code = await set(broker, stream, "k4", 4).then(
            () => "appended",
            (error: unknown) => (error as { readonly code?: unknown }).code,
          );
          expect(code).toBe("gateway.limit");
          expect((await set(broker, stream, "k1", 5)).offset).toBe(4);
          expect((await broker.read(stream, { offset: 0, revision: 0 }, 10)).state.count).toBe(3);
        },
        100,
        3,
      );

      test(
        "an append may bring a bound of its own, for values and deletions, with and without a dedupe key",
        async ({ broker, stream }) => {
          const bounded = (key: string, deleted: boolean, maxKeys: number, dedupeKey?: string) =>
            broker
              .append(stream, { body: `"${key}"`, state: { key, deleted, maxKeys }, ...(dedupeKey && { dedupeKey }) })
              .then(
                ({ kind }) => kind,
                (error: unknown) => (error as { readonly code?: unknown }).code,
              );
          for (let n = 1; n <= 3; n++) await set(broker, stream, `k${n}`, n);
          // In one batch, beside appends without one.
          const all = [
            bounded("k4", false, 5),
            bounded("k5", true, 5, "id"),
            bounded("k5", true, 5, "id"),
            bounded("k6", false, 5, "other"),
            bounded("k1", false, 1),
            broker.append(stream, { body: "{}" }).then(({ kind }) => kind),
          ];
          expect(await Promise.all(all)).toEqual([
            "appended",
            "appended",
            "duplicate",
            "gateway.limit",
            "appended",
            "appended",
          ]);
          const { state, log } = await broker.read(stream, { offset: 0, revision: 0 }, 10);
          expect(
            state.entries.map(({ body, deleted = false }) => [JSON.parse(body) as unknown, deleted]).slice(-3),
          ).toEqual([
            ["k4", false],
            ["k5", true],
            ["k1", false],
          ]);
          expect([state.count, log.count]).toEqual([5, 1]);
        },
        100,
        3,
      );

      test("a change is deduped like any event", async ({ broker, stream }) => {
        const append: Append = { body: "{}", dedupeKey: "k", state: { key: "a", deleted: false } };
        const first = await broker.append(stream, append);
        expect(await broker.append(stream, append)).toEqual({ ...first, kind: "duplicate" });
        expect((await broker.read(stream, { offset: 0, revision: 0 }, 10)).head.state?.revision).toBe(1);
      });
    });

    describe("heads", () => {
      test("are those of reads, in the asked order, never written streams included", async ({
        broker,
        stream,
        sibling,
      }) => {
        await fill(broker, stream, 3);
        await set(broker, sibling("-b"), "a", 1);
        const names = [sibling("-b"), sibling("-none"), stream];
        const heads = await broker.heads(names);
        const reads = [];
        for (const name of names) reads.push((await broker.read(name, { offset: 0 }, 1)).head);
        expect(heads).toEqual(reads);
        expect(heads.map(({ offset, state }) => [offset, state?.revision])).toEqual([
          [0, 1],
          [0, undefined],
          [3, undefined],
        ]);
        expect(await broker.heads([])).toEqual([]);
      });
    });

    describe("idempotency", () => {
      test("the same key and body are answered with the first position, and stored and delivered once", async ({
        broker,
        stream,
        open,
      }) => {
        const { session, heard } = open();
        await session.subscribe(stream);
        const append: Append = { body: '{"n":1}', dedupeKey: "k1" };
        const first = await broker.append(stream, append);
        await put(broker, stream, '{"n":2}');
        const again = await broker.append(stream, { ...append });
        expect(first.kind).toBe("appended");
        expect(again).toEqual({ ...first, kind: "duplicate" });
        await put(broker, stream, '{"n":3}');
        await heard.hears(3);
        expect(heard.of(stream).map(({ body }) => body)).toEqual(['{"n":1}', '{"n":2}', '{"n":3}']);
        expect((await broker.read(stream, { offset: 0 }, 10)).head.offset).toBe(3);
      });

      test("the same key with another body is a conflict, and nothing is stored", async ({ broker, stream }) => {
        await broker.append(stream, { body: '{"n":1}', dedupeKey: "k1" });
        expect(await broker.append(stream, { body: '{"n":2}', dedupeKey: "k1" })).toEqual({ kind: "conflict" });
        expect((await broker.read(stream, { offset: 0 }, 10)).log.entries.map(({ body }) => body)).toEqual(['{"n":1}']);
        expect((await broker.append(stream, { body: '{"n":1}', dedupeKey: "k1" })).kind).toBe("duplicate");
      });

      test("§8.2 the same key with another trace context is a duplicate, and the first is kept", async ({
        broker,
        stream,
      }) => {
        const attempt = (span: string): string =>
          `{"event":"paid","data":1,"meta":{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-${span}-01"}}`;
        const first = attempt("b7ad6b7169203331");
        const { position } = (await broker.append(stream, { body: first, dedupeKey: "k1" })) as { position?: unknown };
        const again = await broker.append(stream, { body: attempt("00f067aa0ba902b7"), dedupeKey: "k1" });
        expect(again).toEqual({ kind: "duplicate", position });
        expect((await broker.read(stream, { offset: 0 }, 10)).log.entries.map(({ body }) => body)).toEqual([first]);
      });

      test("retries that run at the same time store one event", async ({ broker, stream }) => {
        const answers = await Promise.all(
          Array.from({ length: 10 }, () => broker.append(stream, { body: "{}", dedupeKey: "k1" })),
        );
        expect(answers.map(({ kind }) => kind).sort()).toEqual([
          "appended",
          ...Array.from({ length: 9 }, () => "duplicate"),
        ]);
        expect((await broker.read(stream, { offset: 0 }, 10)).head.offset).toBe(1);
      });

      test("keys of different streams and different keys are independent, and no key dedupes nothing", async ({
        broker,
        stream,
        sibling,
      }) => {
        const kinds: string[] = [];
        for (const [name, dedupeKey] of [
          [stream, "k1"],
          [sibling("-b"), "k1"],
          [stream, "k2"],
          [stream, undefined],
          [stream, undefined],
        ] as const)
          kinds.push((await broker.append(name, { body: "{}", ...(dedupeKey !== undefined && { dedupeKey }) })).kind);
        expect(kinds).toEqual(Array.from({ length: 5 }, () => "appended"));
      });
    });

    describe("repetitions", () => {
      test("one whose first attempt is known is a duplicate; one that came to nothing is appended", async ({
        broker,
        stream,
      }) => {
        await broker.append(stream, { body: "{}", dedupeKey: "k0" });
        const append: Append = { body: '{"n":1}', dedupeKey: "k1" };
        const first = await broker.append(stream, append);
        expect(await broker.append(stream, { ...append, retryMs: 0 })).toEqual({ ...first, kind: "duplicate" });
        expect((await broker.append(stream, { body: '{"n":2}', dedupeKey: "k2", retryMs: 0 })).kind).toBe("appended");
      });

      test("one that is older than the window is unknown, and nothing is stored", async ({ broker, stream }) => {
        await broker.append(stream, { body: "{}", dedupeKey: "k0" });
        const late: Append = { body: '{"n":1}', dedupeKey: "k1", retryMs: 30 * 24 * 3_600_000 };
        expect(await broker.append(stream, late)).toEqual({ kind: "unknown" });
        expect((await broker.read(stream, { offset: 0 }, 10)).head.offset).toBe(1);
      });
    });

    describe("delivery", () => {
      test("what is appended after subscribe has resolved arrives, in order, each once, as it is stored", async ({
        broker,
        stream,
        open,
      }) => {
        await put(broker, stream, '{"before":true}');
        const { session, heard } = open();
        await session.subscribe(stream);
        await fill(broker, stream, 20);
        await heard.hears(20);
        expect(heard.of(stream)).toEqual((await broker.read(stream, { offset: 1 }, 100)).log.entries);
      });

      test("subscribe then read leaves no hole between history and what arrives", async ({ broker, stream, open }) => {
        const writing = (async () => {
          for (let n = 0; n < 50; n++) await put(broker, stream, `{"n":${n}}`);
        })();
        const { session, heard } = open();
        await session.subscribe(stream);
        const history = (await broker.read(stream, { offset: 0 }, 100)).log.entries;
        await writing;
        await put(broker, stream, '{"last":true}');
        const last = async (): Promise<boolean> => heard.of(stream).some(({ offset }) => offset === 51);
        for (let count = 1; !(await last()); count = heard.entries.length + 1) await heard.hears(count);
        const offsets = new Set([...history, ...heard.of(stream)].map(({ offset }) => offset));
        expect([...offsets].sort((a, b) => a - b)).toEqual(Array.from({ length: 51 }, (_, n) => n + 1));
      });

      test("two sessions hear everything, each once", async ({ broker, stream, open }) => {
        const [one, two] = [open(), open()];
        await Promise.all([one.session.subscribe(stream), two.session.subscribe(stream)]);
        await fill(broker, stream, 10);
        await Promise.all([one.heard.hears(10), two.heard.hears(10)]);
        const stored = (await broker.read(stream, { offset: 0 }, 100)).log.entries;
        expect(one.heard.of(stream)).toEqual(stored);
        expect(two.heard.of(stream)).toEqual(stored);
      });

      test("an unsubscribed session hears nothing more of that stream, and may come back", async ({
        broker,
        stream,
        sibling,
        open,
      }) => {
        const [leaving, staying] = [open(), open()];
        await Promise.all([leaving.session.subscribe(stream), leaving.session.subscribe(sibling("-b"))]);
        await staying.session.subscribe(stream);
        await put(broker, stream, '{"n":1}');
        await Promise.all([leaving.heard.hears(1), staying.heard.hears(1)]);
        await leaving.session.unsubscribe(stream);
        await put(broker, stream, '{"n":2}');
        await staying.heard.hears(2);
        await put(broker, sibling("-b"), "{}");
        await leaving.heard.hears(2);
        expect(leaving.heard.of(stream).map(({ offset }) => offset)).toEqual([1]);
        await leaving.session.subscribe(stream);
        await put(broker, stream, '{"n":3}');
        await leaving.heard.hears(3);
        expect(leaving.heard.of(stream).map(({ offset }) => offset)).toEqual([1, 3]);
      });

      test("a closed session hears nothing, and the others go on", async ({ broker, stream, open }) => {
        const [leaving, staying] = [open(), open()];
        await Promise.all([leaving.session.subscribe(stream), staying.session.subscribe(stream)]);
        await leaving.session.close();
        await put(broker, stream, "{}");
        await staying.heard.hears(1);
        expect(leaving.heard.entries).toEqual([]);
      });

      test("D-13 a stream whose name begins with another's is another stream", async ({
        broker,
        stream,
        sibling,
        open,
      }) => {
        const { session, heard } = open();
        await session.subscribe(stream);
        for (const suffix of ["2", ".a", "/a", "*", ":a", " "]) await put(broker, sibling(suffix), "{}");
        await broker.broadcast(sibling("2"), "{}");
        await put(broker, stream, '{"mine":true}');
        await heard.hears(1);
        expect(heard.entries.map(({ stream: name, entry }) => [name, entry.body])).toEqual([[stream, '{"mine":true}']]);
        expect(heard.volatile).toEqual([]);
      });

      test("names with glob signs, spaces and other scripts are plain names", async ({ broker, sibling, open }) => {
        const { session, heard } = open();
        const names = ["[ab]", "?", "*", "{x}", " a b", "\\", "漢字🚀"].map(sibling);
        for (const name of names) await session.subscribe(name);
        for (const name of names) await put(broker, name, "{}");
        await heard.hears(names.length);
        expect(heard.entries.map(({ stream }) => stream).sort()).toEqual([...names].sort());
      });

      test("a volatile event reaches those who listen now, unchanged, has no position and is not stored", async ({
        broker,
        stream,
        open,
      }) => {
        const { session, heard } = open();
        await broker.broadcast(stream, '{"early":true}');
        await session.subscribe(stream);
        await put(broker, stream, "{}");
        await broker.broadcast(stream, '{"data":"🚀"}');
        await heard.hears(1, "volatile");
        await heard.hears(1);
        expect(heard.volatile.map(({ stream: name, body }) => [name, body])).toEqual([[stream, '{"data":"🚀"}']]);
        expect(heard.volatile.every(({ time }) => time > 0)).toBe(true);
        expect((await put(broker, stream, "{}")).offset).toBe(2);
      });

      test("publishing with nobody listening succeeds", async ({ broker, stream }) => {
        expect((await put(broker, stream, "{}")).offset).toBe(1);
        await broker.broadcast(stream, "{}");
      });
    });

    describe("prefixes, where it has them", () => {
      /** Subscribes, or says that there is no such thing here. */
      const byPrefix = async (session: BrokerSession, ...prefixes: readonly StreamName[]): Promise<boolean> => {
        try {
          for (const prefix of prefixes) {
            if (session.subscribePrefix === undefined) return false;
            await session.subscribePrefix(prefix);
          }
          return true;
        } catch (error) {
          expect((error as { readonly code?: string }).code).toBe("gateway.unsupported");
          expect((error as Error).message).toMatch(/name/);
          return false;
        }
      };

      test("every stream whose name begins so is heard, in order, those that begin later too", async ({
        broker,
        sibling,
        open,
      }) => {
        const { session, heard } = open();
        if (!(await byPrefix(session, sibling(".")))) return;
        for (const suffix of [".a", "", ".b", "x.a", ".", ".a"])
          await broker.append(sibling(suffix), { body: `{"event":"${suffix}"}` });
        await broker.broadcast(sibling("!"), "{}");
        await broker.broadcast(sibling(".c"), '{"event":"volatile"}');
        await heard.hears(1, "volatile");
        await heard.hears(4);
        expect(heard.entries.map(({ stream, entry }) => [stream, entry.offset, entry.body])).toEqual([
          [sibling(".a"), 1, '{"event":".a"}'],
          [sibling(".b"), 1, '{"event":".b"}'],
          [sibling("."), 1, '{"event":"."}'],
          [sibling(".a"), 2, '{"event":".a"}'],
        ]);
        expect(heard.volatile.map(({ stream, body }) => [stream, body])).toEqual([
          [sibling(".c"), '{"event":"volatile"}'],
        ]);
      });

      test("D-13 D-14 what is subscribed by name and by several prefixes is heard once, by each session", async ({
        broker,
        stream,
        sibling,
        open,
      }) => {
        const [both, exact] = [open(), open()];
        if (!(await byPrefix(both.session, stream, sibling(".")))) return;
        await exact.session.subscribe(sibling(".a"));
        await both.session.subscribe(sibling(".a"));
        for (let n = 0; n < 20; n++) await broker.append(sibling(".a"), { body: "{}" });
        // Two that are the same.
        for (let n = 0; n < 2; n++) await broker.broadcast(sibling(".a"), "{}");
        await broker.append(sibling("2/b"), { body: "{}" });
        await broker.append(sibling(".end"), { body: "{}" });
        await both.heard.hears(22);
        await exact.heard.hears(20);
        for (const { heard } of [both, exact]) {
          expect(heard.of(sibling(".a")).map(({ offset }) => offset)).toEqual(
            Array.from({ length: 20 }, (_, index) => index + 1),
          );
          expect(heard.volatile.length).toBe(2);
        }
        expect(both.heard.of(sibling("2/b")).length).toBe(1);
      });

      test("no sign in a prefix stands for others, and no other account is heard", async ({
        broker,
        stream,
        sibling,
        open,
      }) => {
        const { session, heard } = open();
        const odd = String.raw`[ab]*?\{%}^`;
        if (!(await byPrefix(session, sibling(odd)))) return;
        const other = stream.replace("/", "2/") as StreamName;
        const strange = ["a", "[ab]", String.raw`[ab]x?\{%}^`, String.raw`[ab]*x\{%}^`, String.raw`[ab]*?\{%7D^`];
        for (const name of [...strange.map(sibling), `${other}${odd}` as StreamName])
          await broker.append(name, { body: "{}" });
        await broker.append(sibling(`${odd}}%7D`), { body: "{}" });
        await heard.hears(1);
        expect(heard.entries.map((each) => each.stream)).toEqual([sibling(`${odd}}%7D`)]);
      });

      test("a prefix that was left is heard no more, and one that remains is", async ({ broker, sibling, open }) => {
        const { session, heard } = open();
        if (!(await byPrefix(session, sibling(".a"), sibling(".b")))) return;
        await session.unsubscribePrefix?.(sibling(".a"));
        await broker.append(sibling(".a1"), { body: "{}" });
        await broker.append(sibling(".b1"), { body: "{}" });
        await heard.hears(1);
        expect(heard.entries.map((each) => each.stream)).toEqual([sibling(".b1")]);
      });
    });

    describe("the end", () => {
      test("a closed broker rejects with gateway.unavailable, and closing twice is fine", async ({
        broker,
        stream,
      }) => {
        await broker.close();
        await broker.close();
        const code = await broker.append(stream, { body: "{}" }).then(
          () => "appended",
          (error: unknown) => (error as { readonly code?: unknown }).code,
        );
        expect(code).toBe("gateway.unavailable");
      });
    });
  });
}

async function put(broker: Broker, stream: StreamName, body: string): Promise<Place> {
  const appended = await broker.append(stream, { body });
  if (appended.kind !== "appended") throw new Error(`expected "appended", got "${appended.kind}"`);
  return appended.position;
}

/** Appends `{"n":0}`, `{"n":1}`, … */
async function fill(broker: Broker, stream: StreamName, count: number): Promise<readonly Place[]> {
  const positions: Place[] = [];
  for (let n = 0; n < count; n++) positions.push(await put(broker, stream, `{"n":${n}}`));
  return positions;
}

/** Sets a state key to `{"key":…,"n":…}`, or deletes it. */
async function set(broker: Broker, stream: StreamName, key: string, n: number, deleted = false): Promise<Place> {
  const appended = await broker.append(stream, { body: JSON.stringify({ key, n }), state: { key, deleted } });
  if (appended.kind !== "appended") throw new Error(`expected "appended", got "${appended.kind}"`);
  return appended.position;
}
