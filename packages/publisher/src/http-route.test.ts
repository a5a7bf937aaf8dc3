import { TrunklineError } from "@trunkline/core/errors";
import { ManualClock } from "@trunkline/core/testing";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createPublisher } from "./create-publisher.ts";
import type { PublishFetch } from "./http-request.ts";
import type { HttpPublisherOptions } from "./options.ts";

interface Item {
  readonly event: string;
  readonly id: string;
  readonly retryMs?: number;
}
type Answer = { status: number; body?: unknown; retryAfter?: string } | Error | "never";

/** A publisher whose requests are answered one by one by `answers`; when there are none left, with receipts. */
function setUp(...answers: Answer[]) {
  return setUpWith({}, answers);
}

function setUpWith(options: Pick<HttpPublisherOptions, "batch">, answers: Answer[] = []) {
  const clock = new ManualClock();
  const requests: { url: string; items: Item[]; headers: Record<string, string>; redirect: string }[] = [];
  const lines: unknown[] = [];
  const line = (message: string, fields?: unknown): void => void lines.push([message, fields]);
  let offset = 0;
  const fetch: PublishFetch = async (url, { body, headers, redirect, signal }) => {
    const items = JSON.parse(body) as Item[];
    requests.push({ url, items, headers, redirect });
    const answer = answers.shift() ?? { status: 202 };
    if (answer instanceof Error) throw answer;
    if (answer === "never") {
      return new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError"))),
      );
    }
    const { status, retryAfter = null, body: given } = answer;
    const receipts = (): unknown => items.map(() => ({ status: 202, stream: "s", offset: ++offset, epoch: "e" }));
    return {
      status,
      headers: { get: (name) => (name === "retry-after" ? retryAfter : null) },
      text: async () => JSON.stringify(given ?? receipts()),
    };
  };
  const logger = { debug: line, info: line, warn: line, error: line };
  const place = { url: "http://gw.example:7777/", key: "sk_secret" };
  const publisher = createPublisher({ ...place, fetch, clock, logger, ...options });
  /** Lets everything happen that needs no time. */
  const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
  const turn = async (ms: number): Promise<void> => {
    await settle();
    clock.advance(ms);
    await settle();
  };
  return { publisher, requests, clock, lines, settle, turn };
}

const said = (code: string) => ({ error: { code, message: "words of the gateway" } });
const unavailable: Answer = { status: 503, body: said("gateway.unavailable") };
const network = (code: string): Error => Object.assign(new TypeError("fetch failed"), { cause: { code } });
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "no failure",
    (error: unknown) => error,
  );

describe("one request", () => {
  it("§8.1 §8.3 what is called in one turn goes in one request, in order, each with an id and its own receipt", async () => {
    const { publisher, requests } = setUp();
    const receipts = await Promise.all([
      publisher.publish({ event: "a", id: "mine" }),
      publisher.publish({ event: "b", data: 1 }),
      publisher.push("hi", "x", "y"),
    ]);
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatchObject({
      url: "http://gw.example:7777/api/v1/publish",
      redirect: "manual",
      headers: { authorization: "Bearer sk_secret", "content-type": "application/json" },
      items: [
        { event: "a", id: "mine", data: null },
        { event: "b", id: expect.stringMatching(/^[0-9a-f]{32}$/), data: 1 },
        { event: "message", channel: "x" },
        { event: "message", channel: "y" },
      ],
    });
    expect(requests[0]?.items[2]?.id).toBe(requests[0]?.items[3]?.id);
    expect(receipts[1]).toEqual({ stream: "s", offset: 2, epoch: "e" });
  });

  it("what is called while one is under way is the next, so that order is kept", async () => {
    const { publisher, requests, settle } = setUp();
    const first = publisher.publish({ event: "a" });
    await settle();
    await first;
    const sent = [publisher.publish({ event: "b" })];
    await Promise.resolve();
    sent.push(publisher.publish({ event: "c" }), publisher.publish({ event: "d" }));
    expect((await Promise.all(sent)).map(({ offset }) => offset)).toEqual([2, 3, 4]);
    expect(requests.flatMap(({ items }) => items.map(({ event }) => event))).toEqual(["a", "b", "c", "d"]);
  });

  it("§8.3 holds at most 1,000 events and 1 MiB", async () => {
    const { publisher, requests } = setUp();
    await Promise.all(Array.from({ length: 2001 }, (_, n) => publisher.publish({ event: `e${n}` })));
    expect(requests.map(({ items }) => items.length)).toEqual([1000, 1000, 1]);
    const big = "x".repeat(300_000);
    await Promise.all(Array.from({ length: 4 }, () => publisher.publish({ event: "big", data: big })));
    expect(requests.slice(3).map(({ items }) => items.length)).toEqual([3, 1]);
  });

  it("P-39 holds at most batch.max events, and waits for batch.flushMs unless it is full, in order", async () => {
    const { publisher, requests, settle, turn } = setUpWith({ batch: { max: 3, flushMs: 150 } });
    const events = (): string[][] => requests.map(({ items }) => items.map(({ event }) => event));
    const first = publisher.publish({ event: "a" });
    await turn(149);
    const second = publisher.publish({ event: "b" });
    expect(requests).toEqual([]);
    await turn(1);
    expect(events()).toEqual([["a", "b"]]);
    await Promise.all([first, second]);
    const third = publisher.publish({ event: "c" });
    await settle();
    const rest = ["d", "e", "f"].map((event) => publisher.publish({ event }));
    await settle();
    expect(events().slice(1)).toEqual([["c", "d", "e"], ["f"]]);
    expect((await Promise.all([third, ...rest])).map(({ offset }) => offset)).toEqual([3, 4, 5, 6]);
  });

  it("a batch that nobody waits for any more is not sent", async () => {
    const { publisher, requests, settle, turn } = setUpWith({ batch: { flushMs: 150 } });
    const controller = new AbortController();
    const given = failure(publisher.publish({ event: "a" }, { signal: controller.signal }));
    await settle();
    controller.abort();
    expect(await given).toMatchObject({ code: "usage.aborted" });
    const next = publisher.publish({ event: "b" });
    await turn(150);
    await next;
    expect(requests.flatMap(({ items }) => items.map(({ event }) => event))).toEqual(["b"]);
  });

  it.each([{ max: 0 }, { max: 1001 }, { max: 1.5 }, { flushMs: -1 }, { flushMs: Number.NaN }, { flush: 1 }])(
    "refuses the batch %o",
    (batch) => {
      expect(() => setUpWith({ batch })).toThrow(/createPublisher: batch.*expected/);
    },
  );

  it("what can't be published is refused before it is sent, and the data are those of the call", async () => {
    const { publisher, requests } = setUp();
    const cycle: Record<string, unknown> = {};
    cycle["self"] = cycle;
    for (const request of [
      null,
      {},
      { event: "" },
      { event: "a", channel: "~a*" },
      { event: "a", data: cycle },
      { event: "a", data: 1n },
      { event: "a", data: () => {} },
    ]) {
      expect(await failure(publisher.publish(request as never))).toMatchObject({ code: "gateway.bad-request" });
    }
    expect(await failure(publisher.publish({ event: "a", data: "x".repeat(1024 * 1024) }))).toMatchObject({
      code: "gateway.too-large",
    });
    expect(requests).toEqual([]);
    const data = { n: 1 };
    const sent = publisher.publish({ event: "a", data });
    data.n = 2;
    await sent;
    expect(requests[0]?.items[0]).toMatchObject({ data: { n: 1 } });
  });
});

describe("repetitions", () => {
  it("A-09 a gateway that can't be reached, or not just now, is asked again with the same id", async () => {
    const { publisher, requests, turn, lines } = setUp(network("ECONNREFUSED"), unavailable, { status: 429, body: {} });
    const sent = publisher.publish({ event: "a" });
    for (let n = 0; n < 3; n++) await turn(1000);
    expect(await sent).toMatchObject({ offset: 1 });
    expect(requests).toHaveLength(4);
    expect(new Set(requests.map(({ items }) => items[0]?.id)).size).toBe(1);
    // None of these attempts can have been executed.
    expect(requests.map(({ items }) => items[0]?.retryMs)).toEqual([undefined, undefined, undefined, undefined]);
    expect(lines).toEqual([
      ["publishing failed; trying again", { url: "http://gw.example:7777/api/v1/publish", reason: expect.any(String) }],
    ]);
  });

  it("§8.6 after an attempt of unknown outcome each says since when, by a time that is not too short", async () => {
    const { publisher, requests, turn } = setUp(network("ECONNRESET"), unavailable, "never");
    const sent = publisher.publish({ event: "a" });
    await turn(200);
    await turn(400);
    await turn(10_000);
    await turn(5000);
    expect(await sent).toMatchObject({ offset: 1 });
    const retries = requests.map(({ items }) => items[0]?.retryMs);
    expect(retries).toHaveLength(4);
    expect(retries[0]).toBeUndefined();
    expect(retries[1]).toBe(10_000 + 200);
    expect(retries[2]).toBe(10_000 + 600);
    expect(retries[3]).toBeGreaterThanOrEqual(20_000 + 600);
  });

  it("§8.6 outcome-unknown is the gateway's last word", async () => {
    const { publisher, requests, settle } = setUp({
      status: 207,
      body: [{ status: 503, ...said("gateway.outcome-unknown") }],
    });
    const sent = failure(publisher.publish({ event: "a" }));
    await settle();
    expect(await sent).toMatchObject({ name: "GatewayError", code: "gateway.outcome-unknown" });
    expect(requests).toHaveLength(1);
  });

  it("one that fails for good does not hold up the others, and those to repeat go first", async () => {
    const receipt = { status: 202, stream: "s", offset: 9, epoch: "e" };
    const { publisher, requests, turn } = setUp({
      status: 207,
      body: [receipt, { status: 409, ...said("gateway.conflict") }, { status: 503, ...said("gateway.unavailable") }],
    });
    const [a, b, c] = ["a", "b", "c"].map((event) => failure(publisher.publish({ event })));
    await Promise.resolve()
      .then(() => {})
      .then(() => {});
    const d = publisher.publish({ event: "d" });
    await turn(200);
    expect(await a).toBe("no failure");
    expect(await b).toMatchObject({ code: "gateway.conflict" });
    expect(await c).toBe("no failure");
    await d;
    expect(requests[1]?.items.map(({ event }) => event)).toEqual(["c", "d"]);
  });

  it("§8.6 one that a later one of its channel overtook, or may have, is not published after it", async () => {
    const receipt = { status: 202, stream: "s", offset: 9, epoch: "e" };
    const unpublished = { status: 503, ...said("gateway.unavailable") };
    const unknown = { status: 503, ...said("gateway.outcome-unknown") };
    const { publisher, requests, turn } = setUp({
      status: 207,
      body: [unpublished, receipt, unpublished, unpublished, unpublished, unknown],
    });
    const publish = (event: string, channel: string) => failure(publisher.publish({ event, channel }));
    const sent = [
      publish("a", "x"),
      publish("b", "x"),
      publish("c", "x"),
      publish("d", "y"),
      publish("e", "z"),
      publish("f", "z"),
    ];
    await turn(200);
    expect((await Promise.all(sent)).map((each) => (each as { readonly code?: string }).code ?? each)).toEqual([
      "gateway.unavailable",
      "no failure",
      "no failure",
      "no failure",
      "gateway.unavailable",
      "gateway.outcome-unknown",
    ]);
    expect(requests[1]?.items.map(({ event }) => event)).toEqual(["c", "d"]);
  });

  it("§8.6 what may have been published is asked about before what was not published, and that is too late if it was", async () => {
    const unpublished = { status: 503, ...said("gateway.unavailable") };
    const internal = { status: 500, ...said("gateway.internal") };
    const { publisher, requests, turn } = setUp({ status: 207, body: [unpublished, internal, unpublished] });
    const publish = (event: string, channel: string) => failure(publisher.publish({ event, channel }));
    const sent = [publish("a", "x"), publish("b", "x"), publish("c", "y")];
    await Promise.resolve().then(() => {});
    sent.push(publish("d", "x"));
    await turn(200);
    expect(await sent[0]).toMatchObject({ code: "gateway.unavailable" });
    expect(await Promise.all(sent.slice(1))).toEqual(["no failure", "no failure", "no failure"]);
    expect(requests.slice(1).map(({ items }) => items.map(({ event }) => event))).toEqual([["b", "c"], ["d"]]);
  });

  it("what waits is bounded", async () => {
    const { publisher, turn } = setUp(...Array.from({ length: 40 }, () => unavailable));
    const sent = Array.from({ length: 10_001 }, () => failure(publisher.publish({ event: "a" }, { timeoutMs: 100 })));
    expect(await sent[10_000]).toMatchObject({ name: "UsageError", code: "usage.overflow" });
    await turn(100);
    expect(await sent[0]).toMatchObject({ code: "gateway.unavailable" });
    expect(await sent[9999]).toMatchObject({ name: "LinkError", code: "link.timeout" });
    const big = { event: "a", data: "x".repeat(1_000_000) };
    const bytes = Array.from({ length: 68 }, () => failure(publisher.publish(big, { timeoutMs: 100 })));
    expect(await bytes[67]).toMatchObject({ code: "usage.overflow" });
    await turn(100);
    await Promise.all(bytes);
  });

  it("waits longer and longer, and as long as Retry-After says", async () => {
    const { publisher, requests, turn } = setUp({ ...(unavailable as object), status: 503, retryAfter: "3" });
    const sent = publisher.publish({ event: "a" });
    await turn(2999);
    expect(requests).toHaveLength(1);
    await turn(1);
    expect(requests).toHaveLength(2);
    await sent;
  });
});

describe("giving up", () => {
  it("A-09 at the end of its time it says what is known: not reached, not available, or unknown", async () => {
    for (const [answers, code, name] of [
      [Array.from({ length: 30 }, () => network("ECONNREFUSED")), "link.lost", "LinkError"],
      [Array.from({ length: 30 }, () => unavailable), "gateway.unavailable", "GatewayError"],
      [Array.from({ length: 30 }, () => network("ECONNRESET")), "gateway.outcome-unknown", "GatewayError"],
      [["never"], "gateway.outcome-unknown", "GatewayError"],
    ] as readonly (readonly [Answer[], string, string])[]) {
      const { publisher, turn } = setUp(...answers);
      const sent = failure(publisher.publish({ event: "a" }, { timeoutMs: 3000 }));
      for (let n = 0; n < 30; n++) await turn(100);
      expect(await sent).toMatchObject({ code, name });
    }
  });

  it("what nobody waits for is not sent again", async () => {
    const { publisher, requests, turn } = setUp(unavailable);
    const sent = failure(publisher.publish({ event: "a" }, { timeoutMs: 10 }));
    await turn(10);
    await turn(60_000);
    expect(await sent).toMatchObject({ code: "gateway.unavailable" });
    expect(requests).toHaveLength(1);
  });

  it("a signal gives up one publish, and the request under way when nobody else waits for it", async () => {
    const { publisher, requests, settle } = setUp("never", { status: 202 });
    const controller = new AbortController();
    const [a, b] = [1, 2].map(() => failure(publisher.publish({ event: "a" }, { signal: controller.signal })));
    await settle();
    controller.abort();
    expect(await a).toMatchObject({ name: "UsageError", code: "usage.aborted" });
    expect(await b).toMatchObject({ code: "usage.aborted" });
    await settle();
    expect(await failure(publisher.publish({ event: "b" }, { signal: controller.signal }))).toMatchObject({
      code: "usage.aborted",
    });
    expect(await publisher.publish({ event: "c" })).toMatchObject({ offset: 1 });
    expect(requests.map(({ items }) => items.map(({ event }) => event))).toEqual([["a", "a"], ["c"]]);
  });

  it("close waits for what is under way, and takes no more", async () => {
    const { publisher, turn } = setUp(unavailable);
    const sent = publisher.publish({ event: "a" });
    let closed = false;
    const closing = publisher.close().then(() => (closed = true));
    expect(await failure(publisher.publish({ event: "b" }))).toMatchObject({
      name: "UsageError",
      code: "usage.closed",
    });
    expect(closed).toBe(false);
    await turn(200);
    await sent;
    await closing;
    await publisher.close();
  });
});

describe("secrets", () => {
  it("A-09 the key is in no error and no line, whatever fails", async () => {
    const { publisher, lines, turn } = setUp(
      Object.assign(new Error("request with Bearer sk_secret failed"), { cause: { message: "sk_secret" } }),
      ...Array.from({ length: 20 }, () => unavailable),
    );
    const error = (await (async () => {
      const sent = failure(publisher.publish({ event: "a" }, { timeoutMs: 500 }));
      for (let n = 0; n < 10; n++) await turn(100);
      return sent;
    })()) as TrunklineError;
    expect(error).toBeInstanceOf(TrunklineError);
    for (let each: unknown = error; each instanceof Error; each = each.cause) {
      expect(`${each.message}${each.stack ?? ""}${JSON.stringify(each)}`).not.toContain("sk_secret");
    }
    expect(lines.length).toBeGreaterThan(0);
    expect(JSON.stringify(lines)).not.toContain("sk_secret");
    for (const key of ["sk_secret\n", "sk secret", ""]) {
      try {
        createPublisher({ url: "http://gw.example", key });
        expect.unreachable();
      } catch (caught) {
        expect(caught).toMatchObject({ code: "usage.bad-option" });
        expect((caught as Error).message).not.toContain("secret");
      }
    }
  });
});

describe("where to", () => {
  afterEach(() => vi.unstubAllEnvs());

  async function urlOf(options: { url?: string; key?: string }): Promise<readonly [string, string | undefined]> {
    let seen: readonly [string, string | undefined] = ["", ""];
    const fetch: PublishFetch = async (url, { headers }) => {
      seen = [url, headers["authorization"]];
      return { status: 401, headers: { get: () => null }, text: async () => "" };
    };
    await failure(createPublisher({ ...options, fetch }).publish({ event: "a" }));
    return seen;
  }

  it("D-01 without arguments it publishes to where the environment says, or to this machine", async () => {
    vi.stubEnv("TRUNKLINE_URL", undefined);
    vi.stubEnv("TRUNKLINE_API_KEY", undefined);
    expect(await urlOf({})).toEqual(["http://127.0.0.1:7777/api/v1/publish", undefined]);
    vi.stubEnv("TRUNKLINE_URL", "wss://live.example/app/");
    vi.stubEnv("TRUNKLINE_API_KEY", "sk_env");
    expect(await urlOf({})).toEqual(["https://live.example/app/api/v1/publish", "Bearer sk_env"]);
    expect(await urlOf({ url: "other.example", key: "sk_own" })).toEqual([
      "https://other.example/api/v1/publish",
      "Bearer sk_own",
    ]);
    vi.stubGlobal("process", undefined);
    expect(await urlOf({})).toEqual(["http://127.0.0.1:7777/api/v1/publish", undefined]);
    vi.unstubAllGlobals();
  });

  it("D-01 what does not go together is refused at the door, by name", () => {
    for (const [options, word] of [
      [{ url: "ftp://x" }, "ftp"],
      [{ url: "http://user:pw@x" }, "user"],
      [{ url: "http://x?api_key=1" }, "query"],
      [{ url: "http://[" }, "URL"],
      [{ url: "http://x", account: "acme" }, "account"],
      [{ url: "http://x", contract: { events: {}, calls: {} } }, "contract"],
      [{ redis: "redis://x", url: "http://x" }, "url"],
      [{ namespace: "blog" }, "namespace"],
      [{ broker: null }, "broker"],
      [{ broker: {} }, "broker"],
      [{ redis: 6379 }, "redis"],
      [{ timeoutMs: 0 }, "timeoutMs"],
      [{ attemptTimeoutMs: NaN }, "attemptTimeoutMs"],
    ] as const) {
      expect(() => createPublisher(options as never)).toThrow(
        expect.objectContaining({ code: "usage.bad-option", message: expect.stringContaining(word) }),
      );
    }
  });
});
