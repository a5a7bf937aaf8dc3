import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TrunklineError } from "../errors.ts";
import type { PublishedFrame, PublishFrame } from "../wire/frame.ts";
import type { PublishReceipt } from "../wire/publish-request.ts";
import { schedule } from "./backoff.ts";
import { type OutboxConfig, type OutboxEffect, type OutboxInput, OutboxQueue } from "./outbox.ts";

const config: OutboxConfig = {
  maxMessages: 5,
  maxBytes: 100,
  messagesPerSecond: 100,
  maxUnanswered: 50,
  backoff: schedule([1_000, 2_000, 4_000]),
};
const frame = (ref: number, channel = "c"): PublishFrame => ({
  type: "publish",
  ref,
  event: "e",
  id: `id${ref}`,
  channel,
});
const publish = (ref: number, channel?: string, bytes = 10): OutboxInput => ({
  type: "publish",
  frame: frame(ref, channel),
  bytes,
  timeoutMs: 30_000,
});
const up = (link: number): OutboxInput => ({ type: "up", link });
const gone = (link: number): OutboxInput => ({ type: "gone", link });
const receipt = { stream: "acme/c", offset: 7, epoch: "x" };
const ok = (ref: number): OutboxInput => ({ type: "published", ref, ...receipt });
const refused = (ref: number, code = "gateway.unavailable"): OutboxInput => ({
  type: "published",
  ref,
  error: { code, message: "no" },
});
const woke: OutboxInput = { type: "woke" };

/** Sends as `ref` or `ref+retryMs`, results as `ref=ok` or `ref=code`. */
function written(effect: OutboxEffect): string {
  if (effect.kind === "send")
    return `${effect.frame.ref}${effect.frame.retryMs === undefined ? "" : `+${effect.frame.retryMs}`}`;
  return `${effect.ref}=${effect.result instanceof TrunklineError ? effect.result.code : "ok"}`;
}

/** A queue whose time a test turns; each step gives what it led to. */
function setUp(given: Partial<OutboxConfig> = {}) {
  const queue = new OutboxQueue({ ...config, ...given });
  let now = 0;
  return {
    queue,
    at: (ms: number) => void (now = ms),
    wakeAt: () => queue.wakeAt(now),
    step: (...inputs: readonly OutboxInput[]) => inputs.flatMap((input) => queue.step(input, now, 0)).map(written),
  };
}

describe("the outbox", () => {
  it("sends at once when connected, else once connected, in order; an answer settles", () => {
    const { step, queue } = setUp();
    expect(step(publish(1), publish(2))).toEqual([]);
    expect(step(up(1))).toEqual(["1", "2"]);
    expect(step(publish(3))).toEqual(["3"]);
    expect(queue.step(ok(2) as PublishedFrame, 0, 0)).toEqual([{ kind: "settle", ref: 2, result: receipt }]);
    expect(step(refused(1, "gateway.forbidden"), ok(3))).toEqual(["1=gateway.forbidden", "3=ok"]);
    expect([queue.size, queue.wakeAt(0), step(ok(3), ok(99))]).toEqual([0, null, []]);
  });

  it("§8.6 repeats what is unanswered on the next link, with the time since its first attempt", () => {
    const { step, at } = setUp();
    step(up(1), publish(1), publish(2), ok(1));
    at(500);
    expect(step(gone(1), publish(3))).toEqual([]);
    at(2_000);
    expect(step(up(2))).toEqual(["2+2000", "3"]);
    at(3_000);
    expect(step(gone(2), up(3))).toEqual(["2+3000", "3+1000"]);
  });

  it("§8.6 outcome-unknown from the gateway is the answer", () => {
    const { step } = setUp();
    expect(step(up(1), publish(1), refused(1, "gateway.outcome-unknown"))).toEqual(["1", "1=gateway.outcome-unknown"]);
  });

  it("§8.6 what may have been published is not followed by an earlier one that was refused", () => {
    const { step } = setUp();
    step(up(1), publish(1), publish(2), publish(3, "other"), refused(1), refused(3), gone(1));
    expect(step(up(2))).toEqual(["2+0", "3"]);
    expect(step(refused(2, "gateway.outcome-unknown"))).toEqual(["1=gateway.unavailable", "2=gateway.outcome-unknown"]);
  });

  it("§7.4 while two links are up, a channel with something unanswered on the old one waits, others go over the new one", () => {
    const { step } = setUp();
    step(up(1), publish(1));
    expect(step(up(2), publish(2), publish(3, "other"))).toEqual(["3"]);
    expect(step(ok(1))).toEqual(["1=ok", "2"]);
    expect(step(gone(1))).toEqual([]);
  });

  it("expired: never sent is a timeout, sent is unknown, refused is the refusal", () => {
    const { step, at, wakeAt } = setUp();
    step(publish(1));
    expect(wakeAt()).toBe(30_000);
    at(30_000);
    expect(step(woke)).toEqual(["1=link.timeout"]);
    step(up(1), publish(2));
    at(60_000);
    expect(step(woke)).toEqual(["2=gateway.outcome-unknown"]);
    expect(step(ok(2))).toEqual([]);
    step(publish(3), refused(3), gone(1));
    at(90_000);
    expect(step(woke)).toEqual(["3=gateway.unavailable"]);
    step(up(2), publish(4), gone(2), up(3), refused(4), gone(3));
    at(120_000);
    expect(step(woke)).toEqual(["4=gateway.outcome-unknown"]);
  });

  it("unavailable pauses, growing, for all; a new link ends the pause", () => {
    const { step, at, wakeAt } = setUp();
    step(up(1), publish(1));
    expect(step(refused(1), publish(2, "other"))).toEqual([]);
    expect(wakeAt()).toBe(1_000);
    at(1_000);
    expect(step(woke)).toEqual(["1", "2"]);
    expect([step(refused(1), refused(2)), wakeAt()]).toEqual([[], 3_000]);
    at(1_500);
    expect(step(gone(1), up(2))).toEqual(["1", "2"]);
    step(ok(1), refused(2));
    expect(wakeAt()).toBe(2_500);
  });

  it("new ones follow at once behind what was refused and is under way again", () => {
    const { step, at } = setUp();
    step(up(1), publish(1), refused(1));
    at(1_000);
    expect(step(woke, publish(2))).toEqual(["1", "2"]);
  });

  it("what was refused for now is not sent behind a later one of its channel that was published", () => {
    const { step, at } = setUp();
    step(up(1), publish(1), publish(2), publish(3, "other"));
    expect(step(refused(1), ok(3), ok(2))).toEqual(["3=ok", "1=gateway.unavailable", "2=ok"]);
    step(publish(4), publish(5));
    at(5_000);
    step(woke);
    expect(step(ok(5), refused(4))).toEqual(["5=ok", "4=gateway.unavailable"]);
  });

  it("what may have been published goes before what was refused for now, and new ones behind both", () => {
    const { step } = setUp();
    step(up(1), publish(1), publish(2), refused(1), gone(1));
    expect(step(publish(3), up(2))).toEqual(["2+0"]);
    expect(step(refused(2))).toEqual([]);
    expect(step(gone(2), up(3))).toEqual(["1", "2+0", "3"]);
    // Now 1 and 3 may have been published.
    expect(step(refused(2), gone(3), publish(4), up(4))).toEqual(["1+0", "3+0"]);
  });

  it("an earlier refusal of what is under way again means nothing any more", () => {
    const { step, at } = setUp();
    step(up(1), publish(1), publish(2), refused(1), refused(2));
    at(1_000);
    expect(step(woke, refused(2), gone(1), up(2))).toEqual(["1", "2", "1+0"]);
    expect(step(ok(1))).toEqual(["1=ok", "2"]);
  });

  it("overflow by number and by bytes is told at once, and costs nothing", () => {
    const { step } = setUp();
    expect(step(publish(1, "c", 50), publish(2, "c", 51))).toEqual(["2=usage.overflow"]);
    expect(step(publish(3, "c", 50), publish(4, "c", 0), publish(5, "c", 0), publish(6, "c", 0))).toEqual([]);
    expect(step(publish(7, "c", 0))).toEqual(["7=usage.overflow"]);
    step(up(1), ok(1));
    expect(step(publish(8, "c", 50))).toEqual(["8"]);
  });

  it("aborted: what waits, and what is under way", () => {
    const { step, queue } = setUp();
    step(publish(1));
    expect(queue.step({ type: "abort", ref: 1 }, 0, 0)).toMatchObject([
      { result: { code: "usage.aborted", message: expect.stringContaining("nothing was published") as string } },
    ]);
    step(up(1), publish(2));
    expect(queue.step({ type: "abort", ref: 2 }, 0, 0)).toMatchObject([
      { result: { message: expect.stringContaining("may have been published") as string } },
    ]);
    expect(step({ type: "abort", ref: 3 })).toEqual([]);
  });

  it("closed: what was sent is unknown, the rest was not published", () => {
    const { step, queue } = setUp();
    step(up(1), publish(1), gone(1), publish(2));
    expect(step({ type: "close" })).toEqual(["1=gateway.outcome-unknown", "2=usage.closed"]);
    expect(queue.size).toBe(0);
  });

  it("a frame that could not be sent waits for the next link, and was no attempt", () => {
    const { step } = setUp();
    step(up(1), publish(1));
    expect(step({ type: "unsent", ref: 1 }, gone(1))).toEqual([]);
    expect(step(up(2))).toEqual(["1"]);
  });

  it("§9 leaves no more than so many unanswered on a link", () => {
    const { step } = setUp({ maxUnanswered: 2 });
    expect(step(publish(1), publish(2), publish(3), up(1), publish(4, "other"))).toEqual(["1", "2"]);
    expect(step(ok(1), ok(2))).toEqual(["1=ok", "3", "2=ok", "4"]);
  });

  it("§9 gives a link no more than its messages per second, after a burst", () => {
    const { step, at, wakeAt } = setUp({ maxMessages: 100, maxBytes: 10_000, messagesPerSecond: 2 });
    for (let ref = 1; ref <= 30; ref++) step(publish(ref));
    expect(step(up(1))).toHaveLength(20);
    expect(wakeAt()).toBe(500);
    at(500);
    expect(step(woke)).toEqual(["21"]);
    at(2_000);
    expect(step(woke)).toEqual(["22", "23", "24"]);
    expect(step(gone(1), up(2)).slice(0, 2)).toEqual(["1+2000", "2+2000"]);
  });
});

describe("random losses and answers", () => {
  type Op = readonly [kind: (typeof kinds)[number], pick: number];
  const kinds = [
    "publish",
    "publish",
    "publish",
    "read",
    "read",
    "read",
    "hear",
    "hear",
    "lose",
    "up",
    "up",
    "next",
    "time",
    "away",
    "restart",
    "abort",
  ] as const;
  const ops = fc.array(fc.tuple(fc.constantFrom(...kinds), fc.nat(5)), { maxLength: 80, size: "max" });
  /** A gateway drops a link that says nothing for two heartbeats: nothing travels for longer. */
  const travelMs = 50_000;

  interface Wire {
    readonly link: number;
    readonly upAt: number;
    readonly toGateway: { readonly frame: PublishFrame; readonly sentAt: number }[];
    readonly toClient: PublishedFrame[];
  }

  interface Model {
    readonly away?: boolean;
    readonly restarts?: boolean;
    readonly windowMs?: number;
  }

  /** A gateway with a dedupe window, links that lose what is under way, and one outbox. */
  function run(schedule: readonly Op[], { away = false, restarts = false, windowMs = Infinity }: Model) {
    const queue = new OutboxQueue({ ...config, maxMessages: 8, maxBytes: 1e9, messagesPerSecond: 1, maxUnanswered: 3 });
    const executed: PublishFrame[] = [];
    const calls: PublishFrame[] = [];
    const results = new Map<number, PublishReceipt | TrunklineError>();
    const remembered = new Map<string, { readonly at: number; readonly offset: number }>();
    let wires: Wire[] = [];
    let now = 0;
    let lastLink = 0;
    let unavailable = false;
    let epochSince = -Infinity;

    const feed = (input: OutboxInput): void => {
      for (const effect of queue.step(input, now, 0.5)) {
        if (effect.kind === "send") wires.at(-1)!.toGateway.push({ frame: effect.frame, sentAt: now });
        else {
          expect(results.has(effect.ref)).toBe(false);
          results.set(effect.ref, effect.result);
        }
      }
    };
    const answer = ({ ref, id = "", retryMs, ...rest }: PublishFrame, upAt: number): PublishedFrame => {
      const fail = (code: string): PublishedFrame => ({ type: "published", ref, error: { code, message: "" } });
      if (unavailable) return fail("gateway.unavailable");
      const known = remembered.get(id);
      if (known && now - known.at <= windowMs) return { type: "published", ref, offset: known.offset };
      // The frame itself may have been slow, but no slower than its link is old.
      const ageMs = retryMs === undefined ? 0 : retryMs + now - upAt;
      if (retryMs !== undefined && (ageMs > windowMs || now - ageMs <= epochSince))
        return fail("gateway.outcome-unknown");
      if (ref % 7 === 0) return fail("gateway.forbidden");
      executed.push({ ref, id, ...rest });
      remembered.set(id, { at: now, offset: executed.length });
      return { type: "published", ref, offset: executed.length };
    };
    const read = (wire: Wire | undefined): void => {
      const next = wire?.toGateway.shift();
      if (next) wire?.toClient.push(answer(next.frame, wire.upAt));
    };
    const lose = (wire: Wire | undefined, arriving: number): void => {
      if (!wire) return;
      for (let index = 0; index < arriving; index++) read(wire);
      wires = wires.filter((other) => other !== wire);
      feed({ type: "gone", link: wire.link });
    };
    const act = ([kind, pick]: Op): void => {
      const wire = wires[pick % 2] ?? wires.at(-1);
      if (kind === "publish") {
        const next = frame(calls.length + 1, `c${pick % 2}`);
        calls.push(next);
        feed({ type: "publish", frame: next, bytes: 1, timeoutMs: 30_000 });
      } else if (kind === "read") read(wire);
      else if (kind === "hear") {
        const heard = wire?.toClient.shift();
        if (heard) feed(heard);
      } else if (kind === "lose") lose(wire, pick);
      else if (kind === "up" || kind === "next") {
        // Make before break: the old link stays for a while.
        if (wires.length > (kind === "next" ? 1 : 0)) return;
        wires.push({ link: ++lastLink, upAt: now, toGateway: [], toClient: [] });
        feed(up(lastLink));
      } else if (kind === "time") {
        now += pick * 3_000;
        for (const late of wires.filter(({ toGateway }) => toGateway.some(({ sentAt }) => now - sentAt > travelMs)))
          lose(late, 0);
        feed(woke);
      } else if (kind === "away" && away) unavailable = pick > 2;
      else if (kind === "restart" && restarts) {
        for (const old of wires) lose(old, 0);
        remembered.clear();
        epochSince = now;
      } else if (kind === "abort") feed({ type: "abort", ref: calls.length - pick });
    };
    for (const op of schedule) act(op);
    now += 30_000;
    feed(woke);
    return { calls, executed, results, queue };
  }

  const times = ({ ref }: PublishFrame, executed: readonly PublishFrame[]): number =>
    executed.filter((one) => one.ref === ref).length;

  /** Of what has a receipt: what was given up may still be on its way. */
  function expectOrder({ executed, results }: ReturnType<typeof run>): void {
    for (const channel of ["c0", "c1"]) {
      const order = executed
        .filter((one) => one.channel === channel && !(results.get(one.ref) instanceof TrunklineError))
        .map(({ ref }) => ref);
      expect(order).toEqual([...order].sort((a, b) => a - b));
    }
  }

  it.each<[string, Model]>([
    ["losses, two links, in order", {}],
    ["losses, two links, a short memory for ids", { windowMs: 20_000 }],
    [
      "losses, two links, a gateway that can't publish at times, new epochs",
      { away: true, restarts: true, windowMs: 20_000 },
    ],
  ])("each call gets one result, each id is executed at most once, and a result tells the truth: %s", (_, model) => {
    fc.assert(
      fc.property(ops, (schedule) => {
        const ran = run(schedule, model);
        const { calls, executed, results, queue } = ran;
        expect([queue.size, results.size]).toEqual([0, calls.length]);
        for (const call of calls) {
          const result = results.get(call.ref);
          const count = times(call, executed);
          expect(count).toBeLessThanOrEqual(1);
          if (!(result instanceof TrunklineError)) expect(count).toBe(1);
          else if (!/unknown/.test(result.code) && !/may have been/.test(result.message)) expect(count).toBe(0);
        }
        if (model.windowMs === undefined) expectOrder(ran);
      }),
      { numRuns: 1_000 },
    );
  });

  it("keeps the order when the gateway can't publish at times and no link is lost", () => {
    fc.assert(
      fc.property(ops, (schedule) => {
        const calm = schedule.filter(
          ([kind]) => kind !== "lose" && kind !== "restart" && kind !== "next" && kind !== "time",
        );
        expectOrder(run(calm, { away: true }));
      }),
      { numRuns: 1_000 },
    );
  });
});
