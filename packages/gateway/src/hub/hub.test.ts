import { ManualClock } from "@trunkline/core/testing";
import type {
  Append,
  Appended,
  Broker,
  BrokerListener,
  BrokerSession,
  Entry,
  Page,
  ReadFrom,
  StreamName,
} from "@trunkline/core/ports";
import {
  type EventFrame,
  type Position,
  type StreamEvent,
  type Verdict,
  type VerdictFrame,
  eventStreamStart,
  readEventStream,
} from "@trunkline/core/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { positionOfEventId } from "../event-id.ts";
import { type Form, type FormName, forms } from "../form.ts";
import { MemoryStream } from "../memory/memory-stream.ts";
import { type GatewayStats, createStats } from "../metrics.ts";
import type { Feed, FeedLink, Reader } from "./feed.ts";
import { Hub } from "./hub.ts";

const stream = "acme/room" as StreamName;

/** A broker whose every delivery and answer waits until the test lets it go, is lost, or fails. */
class StageBroker implements Broker {
  readonly name = "stage";
  readonly commands: string[] = [];
  stream = new MemoryStream<never>("epoch-1", 0);
  keep = 1000;
  listener: BrokerListener | null = null;
  /** Deliveries on their way to the hub, oldest first. */
  readonly wire: Entry[] = [];
  subscribed = false;
  failing = false;
  /** Answers to reads and commands on their way. */
  readonly answers: (() => void)[] = [];
  #tags = 0;

  open(listener: BrokerListener): BrokerSession {
    this.listener = listener;
    const command = (name: string, subscribed: boolean) => () => {
      this.commands.push(name);
      return this.#later(() => {
        this.subscribed = subscribed;
      });
    };
    return {
      subscribe: command("subscribe", true),
      unsubscribe: command("unsubscribe", false),
      close: () => Promise.resolve(),
    };
  }

  append(_: StreamName, append: Append): Promise<Appended> {
    const entry = this.stream.append(append, `t${this.#tags++}`, 7);
    this.stream.log.trim(this.keep, 0);
    if (this.subscribed) this.wire.push(entry);
    return Promise.resolve({ kind: "appended", position: { epoch: this.stream.epoch, ...entry } });
  }

  get head(): Position {
    return this.stream.head;
  }

  broadcast(name: StreamName, body: string): Promise<void> {
    this.listener?.onVolatile(name, body, 7);
    return Promise.resolve();
  }

  read(_: StreamName, from: ReadFrom, limit: number): Promise<Page> {
    return this.#later(() => this.stream.page(from, limit));
  }

  heads(names: readonly StreamName[]): Promise<readonly Position[]> {
    return this.#later(() => names.map(() => this.head));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  deliver(): void {
    const entry = this.wire.shift();
    if (entry !== undefined) this.listener?.onEntry(stream, entry);
  }

  /** Answers what is under way, the answers to what that leads to included. */
  async settle(): Promise<void> {
    let answered = 0;
    for (let quiet = 0; quiet < 3; quiet++) {
      for (let answer = this.answers.shift(); answer !== undefined; answer = this.answers.shift()) {
        quiet = 0;
        if (++answered > 5000) throw new Error("the hub asks the broker for ever");
        answer();
        await turn();
      }
      await turn();
    }
  }

  #later<Value>(answer: () => Value): Promise<Value> {
    return new Promise((resolve, reject) => {
      this.answers.push(() => {
        if (this.failing) reject(new Error("the broker is away"));
        else resolve(answer());
      });
    });
  }
}

async function turn(): Promise<void> {
  for (let index = 0; index < 10; index++) await Promise.resolve();
}

/** A connection that keeps what it is sent; it takes bytes only while it is not stalled. */
class TestReader implements Reader, FeedLink {
  readonly form: Form;
  readonly messages: (EventFrame | VerdictFrame | { event: string; data: number })[] = [];
  /** Of a plain event stream, in place of messages. */
  readonly blocks: StreamEvent[] = [];
  firstId: Position | null = null;
  #stream = eventStreamStart;
  readonly link: FeedLink = this;
  unread = 0;
  stalled = false;
  writes = 0;
  ended: "resync" | "failed" | null = null;
  feed: Feed | null = null;
  readonly #waiting: (() => void)[] = [];

  constructor(form: FormName = "v1") {
    this.form = forms[form];
  }

  write(frames: Buffer): void {
    this.writes += 1;
    if (this.stalled) this.unread += frames.length;
    this.#take(frames);
  }

  #take(frames: Buffer): void {
    for (const text of this.#textsIn(frames)) {
      const decoded = JSON.parse(text) as never;
      if (Array.isArray(decoded)) this.messages.push(...(decoded as never[]));
      else this.messages.push(decoded);
    }
  }

  #textsIn(frames: Buffer): Iterable<string> {
    if (!this.form.name.endsWith("-stream")) return framesIn(frames);
    const [state, events] = readEventStream(this.#stream, frames.toString());
    this.#stream = state;
    this.firstId ??= positionOfEventId(state.id);
    if (this.form.name === "v1-stream") return events.map(({ data }) => data);
    this.blocks.push(...events);
    return [];
  }

  cork(): void {}
  uncork(): void {}

  drained(): Promise<void> {
    return this.unread === 0 ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The peer reads again. */
  unstall(): void {
    this.stalled = false;
    this.unread = 0;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  tell(verdict: Verdict): void {
    const frame = this.form.control({ type: "verdict", streams: [verdict] });
    if (frame !== null) this.#take(frame);
  }

  resync(): void {
    this.ended = "resync";
    this.leave();
  }

  fail(): void {
    this.ended = "failed";
    this.leave();
  }

  leave: () => void = () => {};

  get events(): EventFrame[] {
    return this.messages.filter((message): message is EventFrame => "type" in message && message.type === "event");
  }
  get verdicts(): Verdict[] {
    return this.messages.flatMap((message) => ("type" in message && message.type === "verdict" ? message.streams : []));
  }
}

function* framesIn(bytes: Buffer): Generator<string> {
  for (let at = 0; at < bytes.length;) {
    const short = bytes.readUInt8(at + 1);
    const head = short < 126 ? 2 : short === 126 ? 4 : 10;
    const size = short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : bytes.readUInt32BE(at + 6);
    yield bytes.toString("utf8", at + head, at + head + size);
    at += head + size;
  }
}

interface Stage {
  readonly broker: StageBroker;
  readonly hub: Hub;
  readonly stats: GatewayStats;
  readonly clock: ManualClock;
  readonly errors: unknown[];
  join(reader: TestReader, cursor?: Position): Promise<void>;
  publish(count?: number): void;
  /** Sets a state key to the next number, or deletes it. */
  set(key: string, deleted?: boolean): void;
  /** The state after each change, by epoch and revision. */
  readonly states: Map<string, ReadonlyMap<string, number>>;
}

function stage({ unreadBytes = 2000, padding = 0 } = {}): Stage {
  const broker = new StageBroker();
  const stats = createStats();
  const clock = new ManualClock();
  const errors: unknown[] = [];
  const hub = new Hub({
    broker,
    clock,
    stats,
    frameBytes: 400,
    unreadBytes,
    onError: (error) => errors.push(error),
    onAvailable: () => {},
  });
  let next = 0;
  let nextState = 0;
  const states = new Map<string, ReadonlyMap<string, number>>();
  const stateAt = ({ epoch, state }: Position): string => `${epoch} ${state?.revision ?? 0}`;
  return {
    states,
    set(key, deleted = false) {
      const state = new Map(states.get(stateAt(broker.head)));
      if (deleted) state.delete(key);
      else state.set(key, nextState);
      const body = JSON.stringify({ event: "s", key, data: nextState++, meta: "x".repeat(padding) });
      void broker.append(stream, { body, state: { key, deleted } });
      states.set(stateAt(broker.head), state);
    },
    broker,
    hub,
    stats,
    clock,
    errors,
    async join(reader, cursor) {
      const feed = hub.join(reader, stream, "room", cursor ?? null);
      reader.feed = feed;
      reader.leave = () => hub.leave(feed);
      const prepared = hub.prepare(feed).then(
        () => {
          if (feed.stage !== "opening") return;
          reader.tell(hub.begin(feed));
          hub.run(feed);
        },
        () => (feed.stage === "closed" ? undefined : reader.fail()),
      );
      await turn();
      await prepared;
    },
    publish(count = 1) {
      for (let index = 0; index < count; index++) {
        void broker.append(stream, { body: JSON.stringify({ event: "e", data: next++, meta: "x".repeat(padding) }) });
      }
    },
  };
}

/** Joins and answers the broker until the verdict is there. */
async function joined(on: Stage, form: FormName = "v1", cursor?: Position): Promise<TestReader> {
  const reader = new TestReader(form);
  const joining = on.join(reader, cursor);
  await on.broker.settle();
  await joining;
  return reader;
}

describe("the live line", () => {
  it("P-08 a push by pattern goes to the channels of its account, and not to what goes along with them", async () => {
    const on = stage();
    const names = ["acme/score:1", "acme/~members/score:1", "globex/score:1", "acme/score:2"];
    const readers = names.map(() => new TestReader());
    for (const [index, name] of names.entries()) {
      const reader = readers[index] as TestReader;
      const feed = on.hub.join(reader, name as StreamName, name.slice(name.indexOf("/") + 1), null);
      const prepared = on.hub.prepare(feed);
      await on.broker.settle();
      await prepared;
      on.hub.begin(feed);
      on.hub.run(feed);
    }
    on.hub.onPush({ account: "acme", pattern: "*1", body: '{"event":"e","data":1}' }, 7);
    on.hub.flush();
    expect(readers.map(({ events }) => events.map(({ channel }) => channel))).toEqual([["score:1"], [], [], []]);
  });

  it("sends what one tick brings as one write per socket, with as few frames as the limit allows", async () => {
    const on = stage();
    const readers = [await joined(on), await joined(on), await joined(on, "plain")];
    on.publish(20);
    while (on.broker.wire.length > 0) on.broker.deliver();
    expect(readers.map(({ writes }) => writes)).toEqual([0, 0, 0]);
    on.hub.flush();
    expect(readers.map(({ writes }) => writes)).toEqual([1, 1, 1]);
    expect(readers[1]?.events.map(({ offset }) => offset)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    expect(readers[2]?.messages.map((message) => ("data" in message ? message.data : null))).toHaveLength(20);
    expect(on.stats).toMatchObject({ delivered: 60, lagging: 0 });
  });

  it("an entry between two flushes is not sent to who joins behind it", async () => {
    const on = stage();
    const early = await joined(on);
    on.publish(3);
    while (on.broker.wire.length > 0) on.broker.deliver();
    const late = await joined(on);
    expect(late.verdicts).toMatchObject([{ verdict: "fresh", position: { offset: 3 } }]);
    on.publish();
    on.broker.deliver();
    on.hub.flush();
    expect(late.events.map(({ offset }) => offset)).toEqual([4]);
    expect(early.events.map(({ offset }) => offset)).toEqual([1, 2, 3, 4]);
  });

  it("who has read ahead of the broker's deliveries gets none of them twice", async () => {
    const on = stage();
    const cursor = on.broker.head;
    on.publish();
    const watching = await joined(on);
    on.publish(5);
    const ahead = await joined(on, "v1", cursor);
    expect(ahead.events).toHaveLength(6);
    expect(ahead.feed?.stage).toBe("ahead");
    on.publish(3);
    for (let index = 0; index < 3; index++) on.broker.deliver();
    on.hub.flush();
    expect(ahead.events).toHaveLength(6);
    for (let index = 0; index < 5; index++) on.broker.deliver();
    on.hub.flush();
    expect(ahead.events.map(({ offset }) => offset)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(ahead.feed?.stage).toBe("live");
    expect(watching.events).toHaveLength(8);
  });
});

describe("doubt", () => {
  it("a hole is read from the broker, in its place", async () => {
    const on = stage();
    const reader = await joined(on);
    on.publish(5);
    on.broker.deliver();
    on.broker.wire.splice(0, 3);
    on.broker.deliver();
    on.hub.flush();
    expect(reader.events.map(({ offset }) => offset)).toEqual([1]);
    await on.broker.settle();
    on.hub.flush();
    expect(reader.events.map(({ offset }) => offset)).toEqual([1, 2, 3, 4, 5]);
  });

  it("onDoubt finds what was lost at the end, where no later entry tells", async () => {
    const on = stage();
    const reader = await joined(on);
    on.publish(300);
    on.broker.wire.length = 0;
    on.broker.listener?.onDoubt(stream);
    on.broker.listener?.onDoubt(stream);
    await on.broker.settle();
    on.hub.flush();
    expect(reader.events.map(({ offset }) => offset)).toEqual(Array.from({ length: 300 }, (_, index) => index + 1));
  });

  it("a new epoch is told to all who are live, and resyncs the plain ones; the line goes on", async () => {
    const on = stage();
    const [v1, plain] = [await joined(on), await joined(on, "plain")];
    on.publish(4);
    while (on.broker.wire.length > 0) on.broker.deliver();
    on.broker.stream = new MemoryStream("epoch-2", 0);
    on.publish(2);
    on.broker.wire.length = 0;
    on.broker.listener?.onDoubt(stream);
    await on.broker.settle();
    on.publish();
    on.broker.deliver();
    on.hub.flush();
    expect(v1.verdicts.at(-1)).toMatchObject({
      verdict: "gap",
      reason: "epoch",
      from: 1,
      to: 2,
      position: { epoch: "epoch-2" },
    });
    expect(v1.events.map(({ offset }) => offset)).toEqual([1, 2, 3, 4, 3]);
    expect(plain.ended).toBe("resync");
    const later = await joined(on, "plain");
    on.publish();
    on.broker.deliver();
    on.hub.flush();
    expect(later.messages.at(-1)).toMatchObject({ event: "e" });
  });

  it("§5.8 an entry of a life of the stream that ended while it was opened is not sent as one of the next life", async () => {
    const on = stage();
    const reader = new TestReader("v1");
    const joining = on.join(reader);
    await turn();
    on.broker.answers.shift()?.();
    await turn();
    on.publish();
    on.broker.deliver();
    on.broker.stream = new MemoryStream<never>("epoch-2", 0);
    on.hub.onDoubt(stream);
    await on.broker.settle();
    await joining;
    on.hub.flush();
    expect(reader.verdicts).toMatchObject([{ verdict: "fresh", position: { epoch: "epoch-2", offset: 0 } }]);
    expect(reader.events).toEqual([]);
  });

  it("while the broker does not answer nothing is sent past the hole, and it is asked again", async () => {
    const on = stage();
    const reader = await joined(on);
    on.publish(3);
    on.broker.wire.splice(0, 1);
    on.broker.failing = true;
    while (on.broker.wire.length > 0) on.broker.deliver();
    await on.broker.settle();
    on.hub.flush();
    expect(reader.events).toEqual([]);
    expect(on.errors).toHaveLength(1);
    on.broker.failing = false;
    on.clock.advance(1000);
    await on.broker.settle();
    on.hub.flush();
    expect(reader.events.map(({ offset }) => offset)).toEqual([1, 2, 3]);
  });
});

describe("subscriptions", () => {
  it("D-12 commands of one stream run one after the other, and end as the last one says", async () => {
    const on = stage();
    const first = new TestReader();
    void on.join(first);
    await turn();
    first.leave();
    const second = new TestReader();
    void on.join(second);
    await turn();
    expect(on.broker.commands).toEqual(["subscribe"]);
    await on.broker.settle();
    expect(on.broker.commands).toEqual(["subscribe", "unsubscribe", "subscribe"]);
    expect(second.verdicts).toMatchObject([{ verdict: "fresh" }]);
    expect(on.stats).toMatchObject({ channels: 1, brokerSubscriptions: 1 });
    second.leave();
    second.leave();
    await on.broker.settle();
    expect(on.stats).toMatchObject({ channels: 0, brokerSubscriptions: 0 });
    expect(on.broker.subscribed).toBe(false);
  });

  it("a broker that can't be used fails those who join, leaves nothing behind, and is asked anew by the next", async () => {
    const on = stage();
    on.broker.failing = true;
    const failed = await joined(on);
    expect(failed.ended).toBe("failed");
    expect(on.stats).toMatchObject({ channels: 0, brokerSubscriptions: 0 });
    on.broker.failing = false;
    expect((await joined(on)).verdicts).toMatchObject([{ verdict: "fresh" }]);
  });
});

describe("whatever happens", () => {
  const action = fc.oneof(
    {
      arbitrary: fc.record({ do: fc.constant("publish" as const), count: fc.integer({ min: 1, max: 40 }) }),
      weight: 4,
    },
    {
      arbitrary: fc.record({ do: fc.constant("deliver" as const), count: fc.integer({ min: 1, max: 40 }) }),
      weight: 4,
    },
    {
      arbitrary: fc.record({
        do: fc.constantFrom("set" as const, "delete" as const),
        key: fc.constantFrom("a", "b", "c"),
      }),
      weight: 4,
    },
    { arbitrary: fc.record({ do: fc.constant("lose" as const), count: fc.integer({ min: 1, max: 3 }) }), weight: 1 },
    { arbitrary: fc.constant({ do: "flush" as const }), weight: 3 },
    { arbitrary: fc.constant({ do: "answer" as const }), weight: 6 },
    {
      arbitrary: fc.record({
        do: fc.constantFrom("join" as const, "resume" as const),
        form: fc.constantFrom(
          "v1" as const,
          "v1" as const,
          "plain" as const,
          "v1-stream" as const,
          "plain-stream" as const,
        ),
        index: fc.nat(1000),
      }),
      weight: 2,
    },
    {
      arbitrary: fc.record({
        do: fc.constantFrom("stall" as const, "unstall" as const, "leave" as const),
        index: fc.nat(20),
      }),
      weight: 2,
    },
    {
      arbitrary: fc.constantFrom({ do: "epoch" as const }, { do: "doubt" as const }, { do: "forget" as const }),
      weight: 1,
    },
  );

  it("no reader misses an event without being told, gets one twice, or out of order; all end at the head", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(action, { minLength: 10, maxLength: 120 }),
        fc.integer({ min: 5, max: 300 }),
        async (actions, keep) => {
          const on = stage({ unreadBytes: 1500, padding: 60 });
          on.broker.keep = keep;
          const readers: { reader: TestReader; cursor: Position | undefined }[] = [];
          const positions: Position[] = [];
          let epoch = 1;
          const join = (form: FormName, cursor?: Position): void => {
            const reader = new TestReader(form);
            readers.push({ reader, cursor });
            void on.join(reader, cursor);
          };
          join("v1");
          for (const act of actions) {
            switch (act.do) {
              case "publish":
                on.publish(act.count);
                positions.push(on.broker.head);
                break;
              case "set":
              case "delete":
                on.set(act.key, act.do === "delete");
                positions.push(on.broker.head);
                break;
              case "forget":
                on.broker.stream.state.trim(8);
                break;
              case "deliver":
                for (let index = 0; index < act.count; index++) on.broker.deliver();
                break;
              case "lose":
                on.broker.wire.splice(0, act.count);
                break;
              case "flush":
                on.hub.flush();
                break;
              case "answer":
                on.broker.answers.shift()?.();
                break;
              case "join":
                join(act.form);
                break;
              case "resume":
                // The plain dialect has no positions.
                if (act.form !== "plain") join(act.form, positions[act.index % Math.max(1, positions.length)]);
                break;
              case "stall":
              case "unstall":
              case "leave": {
                const { reader } = readers[act.index % readers.length] as { reader: TestReader };
                if (act.do === "stall") reader.stalled = true;
                else if (act.do === "unstall") reader.unstall();
                else if (act.index < 3) reader.leave();
                break;
              }
              case "epoch":
                on.broker.stream = new MemoryStream(`epoch-${++epoch}`, 0);
                on.broker.wire.length = 0;
                on.broker.listener?.onDoubt(stream);
                break;
              case "doubt":
                on.broker.listener?.onDoubt(stream);
                break;
            }
            await turn();
          }
          // Everything comes to rest.
          for (let round = 0; round < 3; round++) {
            for (const { reader } of readers) reader.unstall();
            on.broker.listener?.onDoubt(stream);
            while (on.broker.wire.length > 0) on.broker.deliver();
            await on.broker.settle();
            on.hub.flush();
            await on.broker.settle();
          }
          expect(on.errors).toEqual([]);
          for (const { reader, cursor } of readers) check(reader, cursor, on);
          const closing = on.hub.close();
          await on.broker.settle();
          await closing;
          expect(on.stats).toMatchObject({ channels: 0, brokerSubscriptions: 0 });
        },
      ),
      { numRuns: 3000 },
    );
  });

  /** The client's rule, PROTOCOL §5.5, with nothing forgiven: neither holes nor duplicates. */
  function check(reader: TestReader, cursor: Position | undefined, { broker: { head }, states }: Stage): void {
    if (reader.form.name === "plain-stream") return checkBlocks(reader, cursor, head);
    if (reader.form.name === "plain") {
      const numbersOf = (event: string): number[] =>
        reader.messages.flatMap((message) => ("type" in message || message.event !== event ? [] : [message.data]));
      const numbers = numbersOf("e");
      for (const [index, number] of numbers.entries()) expect(number).toBe((numbers[0] as number) + index);
      const changes = numbersOf("s");
      expect(changes).toEqual([...new Set(changes)].sort((one, other) => one - other));
      return;
    }
    let place = cursor;
    let promised = 0;
    const stateOf = ({ epoch, state }: Position): ReadonlyMap<string, number> =>
      states.get(`${epoch} ${state?.revision ?? 0}`) ?? new Map<string, number>();
    let state = new Map(cursor === undefined ? [] : stateOf(cursor));
    for (const message of reader.messages) {
      if (!("type" in message)) continue;
      if (message.type === "event" && message.revision !== undefined) {
        const { revision, after = revision - 1, key = "", data, deleted, tag = "" } = message;
        const before = place?.state?.revision ?? 0;
        expect([revision > before, after <= before]).toEqual([true, true]);
        place = { ...(place as Position), state: { revision, tag } };
        if (deleted === true) state.delete(key);
        else state.set(key, data as number);
        continue;
      }
      if (message.type === "event") {
        expect(message.offset).toBe((place?.offset ?? NaN) + 1);
        place = { ...(place as Position), offset: message.offset as number, tag: message.tag as string };
        promised -= 1;
        continue;
      }
      const [verdict] = message.streams;
      if (verdict === undefined || verdict.verdict === "refused" || verdict.verdict === "ended") continue;
      const { position } = verdict;
      if (verdict.verdict === "fresh") {
        place = position;
        state = new Map(stateOf(position));
        continue;
      }
      promised = verdict.verdict === "gap" ? 0 : verdict.count;
      const whole = verdict.verdict === "snapshot" || (verdict.verdict === "gap" && verdict.snapshot === true);
      if (whole) state = new Map();
      if (verdict.verdict === "gap" && (verdict.reason === "retention" || verdict.reason === "skipped"))
        expect(verdict.from).toBe((place?.offset ?? NaN) + 1);
      const { offset, tag } = verdict.verdict === "gap" ? position : (place as Position);
      const mark = whole ? undefined : place?.state;
      place = { epoch: position.epoch, offset, tag, ...(mark !== undefined && { state: mark }) };
    }
    if (reader.feed?.stage === "closed") return;
    expect(promised).toBeLessThanOrEqual(0);
    expect(place).toEqual(head);
    expect(state).toEqual(stateOf(head));
    expect(reader.feed?.stage).toBe("live");
  }

  /** §11.2: each id is where its reader is, so that nothing is lost whichever it comes back with. */
  function checkBlocks(reader: TestReader, cursor: Position | undefined, head: Position): void {
    let place = cursor ?? reader.firstId;
    for (const { event, data, id } of reader.blocks) {
      if (event === "gap") {
        const verdict = JSON.parse(data) as Extract<Verdict, { readonly verdict: "gap" | "snapshot" }>;
        const whole = verdict.verdict === "snapshot" || verdict.snapshot === true;
        if (verdict.verdict === "gap" && (verdict.reason === "retention" || verdict.reason === "skipped"))
          expect(verdict.from).toBe((place?.offset ?? NaN) + 1);
        const { offset, tag } = verdict.verdict === "gap" ? verdict.position : (place as Position);
        const mark = whole ? undefined : place?.state;
        place = { epoch: verdict.position.epoch, offset, tag, ...(mark !== undefined && { state: mark }) };
        continue;
      }
      const next = positionOfEventId(id) as Position;
      if (event === "e") expect(next).toEqual({ ...place, offset: (place?.offset ?? NaN) + 1, tag: next.tag });
      else expect(next).toEqual({ ...place, state: next.state });
      if (event === "s") expect(next.state?.revision).toBeGreaterThan(place?.state?.revision ?? 0);
      place = next;
    }
    if (reader.feed?.stage === "closed") return;
    expect(place).toEqual(head);
    expect(reader.feed?.stage).toBe("live");
  }
});
