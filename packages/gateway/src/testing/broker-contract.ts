// What every broker must do, as tests. The test framework's functions are passed in, so that this file can be published.
import type { Append, Broker, BrokerListener, BrokerSession, Entry, StreamName } from "@trunkline/core/ports";
import type { Position } from "@trunkline/core/wire";

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

/** What the suite asks of a new broker: it keeps the last `historyCount` events of a stream, however old, and no more. */
export interface ContractBrokerOptions {
  readonly historyCount: number;
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
  const test = (sentence: string, body: (bench: Bench) => Promise<void>, historyCount = 100): void => {
    it(sentence, async () => {
      const broker = await makeBroker({ historyCount });
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
        const page = await broker.read(stream, 0, 10);
        expect({ ...page, head: { ...page.head, epoch: "" } }).toEqual({
          head: { epoch: "", offset: 0, tag: "" },
          floor: 0,
          tagAtStart: "",
          entries: [],
        });
        expect(page.head.epoch).toMatch(/./);
      });

      test("offsets count from 1 without gaps, in the order of the calls", async ({ broker, stream }) => {
        const offsets: number[] = [];
        for (let index = 0; index < 5; index++) offsets.push((await put(broker, stream, `{"n":${index}}`)).offset);
        expect(offsets).toEqual([1, 2, 3, 4, 5]);
        const { entries } = await broker.read(stream, 0, 10);
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
        const { entries } = await broker.read(stream, 0, 100);
        expect(entries.map(({ body }) => body)).toEqual(Array.from({ length: 50 }, (_, n) => `{"n":${n}}`));
      });

      test("each stream has offsets of its own", async ({ broker, stream, sibling }) => {
        await put(broker, stream, "{}");
        await put(broker, stream, "{}");
        expect((await put(broker, sibling("-b"), "{}")).offset).toBe(1);
      });

      test("the epoch stays the same, and receipts, heads and reads agree on position", async ({ broker, stream }) => {
        const before = (await broker.read(stream, 0, 1)).head;
        const first = await put(broker, stream, "{}");
        const second = await put(broker, stream, "{}");
        const page = await broker.read(stream, 0, 10);
        expect([first.epoch, second.epoch, page.head.epoch]).toEqual([before.epoch, before.epoch, before.epoch]);
        expect(page.head).toEqual(second);
        expect(page.entries.map(({ tag }) => tag)).toEqual([first.tag, second.tag]);
      });

      test("tags are not empty and differ from event to event and from stream to stream", async ({
        broker,
        stream,
        sibling,
      }) => {
        const positions: Position[] = [];
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
        expect((await broker.read(stream, 0, 10)).entries.map(({ body }) => body)).toEqual(bodies);
      });

      test("a read gives what follows the asked offset, at most the asked number", async ({ broker, stream }) => {
        const positions = await fill(broker, stream, 6);
        const offsets = async (after: number, limit: number): Promise<readonly number[]> =>
          (await broker.read(stream, after, limit)).entries.map(({ offset }) => offset);
        expect(await offsets(0, 3)).toEqual([1, 2, 3]);
        expect(await offsets(3, 2)).toEqual([4, 5]);
        expect(await offsets(4, 100)).toEqual([5, 6]);
        expect(await offsets(6, 100)).toEqual([]);
        expect(await offsets(9, 100)).toEqual([]);
        expect(await offsets(2, 0)).toEqual([]);
        expect((await broker.read(stream, 2, 1)).head).toEqual(positions[5]);
      });

      test("a read tells the tag of the asked offset, and null beyond the head", async ({ broker, stream }) => {
        const positions = await fill(broker, stream, 3);
        const tags: (string | null)[] = [];
        for (const after of [0, 1, 2, 3, 4]) tags.push((await broker.read(stream, after, 1)).tagAtStart);
        expect(tags).toEqual(["", ...positions.map(({ tag }) => tag), null]);
      });

      test("history is bounded: the floor is the newest event that is gone, its tag is still known, and the head goes on", async ({
        broker,
        stream,
      }) => {
        const positions = await fill(broker, stream, 10);
        const atFloor = await broker.read(stream, 6, 100);
        expect(atFloor.floor).toBe(6);
        expect(atFloor.tagAtStart).toBe(positions[5]?.tag);
        expect(atFloor.head).toEqual(positions[9]);
        expect(atFloor.entries.map(({ offset }) => offset)).toEqual([7, 8, 9, 10]);
        expect((await put(broker, stream, "{}")).offset).toBe(11);
        expect((await broker.read(stream, 7, 100)).floor).toBe(7);
      }, 4);

      test("a read from below the floor gives no entries: a part is never presented as the whole", async ({
        broker,
        stream,
      }) => {
        const positions = await fill(broker, stream, 10);
        const page = await broker.read(stream, 3, 100);
        expect({ ...page, tagAtStart: null }).toEqual({ head: positions[9], floor: 6, tagAtStart: null, entries: [] });
        expect((await broker.read(stream, 0, 100)).entries).toEqual([]);
      }, 4);

      test("an event is stored with a time that never goes back along the stream", async ({ broker, stream }) => {
        await fill(broker, stream, 5);
        const times = (await broker.read(stream, 0, 10)).entries.map(({ time }) => time);
        expect(times.every((time) => Number.isSafeInteger(Math.trunc(time)) && time > 0)).toBe(true);
        expect(times).toEqual([...times].sort((a, b) => a - b));
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
        expect((await broker.read(stream, 0, 10)).head.offset).toBe(3);
      });

      test("the same key with another body is a conflict, and nothing is stored", async ({ broker, stream }) => {
        await broker.append(stream, { body: '{"n":1}', dedupeKey: "k1" });
        expect(await broker.append(stream, { body: '{"n":2}', dedupeKey: "k1" })).toEqual({ kind: "conflict" });
        expect((await broker.read(stream, 0, 10)).entries.map(({ body }) => body)).toEqual(['{"n":1}']);
        expect((await broker.append(stream, { body: '{"n":1}', dedupeKey: "k1" })).kind).toBe("duplicate");
      });

      test("retries that run at the same time store one event", async ({ broker, stream }) => {
        const answers = await Promise.all(
          Array.from({ length: 10 }, () => broker.append(stream, { body: "{}", dedupeKey: "k1" })),
        );
        expect(answers.map(({ kind }) => kind).sort()).toEqual([
          "appended",
          ...Array.from({ length: 9 }, () => "duplicate"),
        ]);
        expect((await broker.read(stream, 0, 10)).head.offset).toBe(1);
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
        expect(heard.of(stream)).toEqual((await broker.read(stream, 1, 100)).entries);
      });

      test("subscribe then read leaves no hole between history and what arrives", async ({ broker, stream, open }) => {
        const writing = (async () => {
          for (let n = 0; n < 50; n++) await put(broker, stream, `{"n":${n}}`);
        })();
        const { session, heard } = open();
        await session.subscribe(stream);
        const history = (await broker.read(stream, 0, 100)).entries;
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
        const stored = (await broker.read(stream, 0, 100)).entries;
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

async function put(broker: Broker, stream: StreamName, body: string): Promise<Position> {
  const appended = await broker.append(stream, { body });
  if (appended.kind !== "appended") throw new Error(`expected "appended", got "${appended.kind}"`);
  return appended.position;
}

/** Appends `{"n":0}`, `{"n":1}`, … */
async function fill(broker: Broker, stream: StreamName, count: number): Promise<readonly Position[]> {
  const positions: Position[] = [];
  for (let n = 0; n < count; n++) positions.push(await put(broker, stream, `{"n":${n}}`));
  return positions;
}
