import { describe, expect, it } from "vitest";
import { resolveRedisOptions } from "./options.ts";
import { readRedisUrl } from "./redis-url.ts";

const message = (options: Parameters<typeof resolveRedisOptions>[0]): string => {
  try {
    resolveRedisOptions(options);
    return "";
  } catch (error) {
    expect(error).toMatchObject({ name: "UsageError", code: "usage.bad-option" });
    return (error as Error).message;
  }
};

describe("Redis URL", () => {
  it.each([
    ["redis://localhost", { kind: "single", node: { host: "localhost", port: 6379 }, db: 0, tls: null }],
    ["redis://10.0.0.1:6380/2", { kind: "single", node: { host: "10.0.0.1", port: 6380 }, db: 2, tls: null }],
    ["redis://[::1]:7000", { kind: "single", node: { host: "::1", port: 7000 }, db: 0, tls: null }],
    [
      "rediss://app:p%40ss%3A@db.example.com",
      {
        kind: "single",
        node: { host: "db.example.com", port: 6379 },
        db: 0,
        tls: {},
        username: "app",
        password: "p@ss:",
      },
    ],
    [
      "redis://:secret@a:1,b:2",
      {
        kind: "cluster",
        nodes: [
          { host: "a", port: 1 },
          { host: "b", port: 2 },
        ],
        tls: null,
        password: "secret",
      },
    ],
    [
      "redis+sentinel://a,b:2/main/3",
      {
        kind: "sentinel",
        sentinels: [
          { host: "a", port: 26_379 },
          { host: "b", port: 2 },
        ],
        name: "main",
        db: 3,
        tls: null,
      },
    ],
  ])("reads %s", (url, place) => {
    expect(readRedisUrl(url)).toEqual(place);
  });

  it.each([
    "",
    "localhost:6379",
    "http://localhost",
    "redis://",
    "redis://user:hunter2@host:99999",
    "redis://user:hunter2@ho st",
    "redis://user:hunter2%zz@host",
    "redis://user:hunter2@host/x",
    "redis://:hunter2@a:1,b:2/3",
    "redis+sentinel://:hunter2@a:1",
    "redis://user:hunter2@host?x=1",
    "redis://user:hunter2@extra@host",
  ])("says what was expected instead of %j, and repeats no password", (url) => {
    const read = readRedisUrl(url);
    expect(read).toMatch(/^url: /);
    expect(read).not.toContain("hunter2");
  });
});

describe("options", () => {
  it("have documented defaults", () => {
    expect(resolveRedisOptions({ url: "redis://localhost" })).toMatchObject({
      prefix: "trunkline",
      historyCount: 1000,
      historyAgeMs: 300_000,
      maxKeys: 10_000,
      windowMs: 120_000,
      headTtlMs: 604_800_000,
      durable: false,
      whenAway: "reject",
      waitMs: 5000,
      maxPending: 10_000,
      foreignPrefix: null,
    });
  });

  it("all wrong ones are named at once, and no password", () => {
    const said = message({
      url: "redis://:hunter2@host:x",
      password: "hunter3",
      prefix: "a b",
      history: { count: -1, ageMs: 0.5 },
      state: { maxKeys: 0 },
      dedupe: { windowMs: 0 },
      whenAway: "never" as "wait",
      waitMs: -1,
      maxPending: 0,
      foreign: { prefix: "" },
    });
    for (const name of [
      "url",
      "prefix",
      "history.count",
      "history.ageMs",
      "state.maxKeys",
      "dedupe.windowMs",
      "whenAway",
      "waitMs",
      "maxPending",
      "foreign.prefix",
    ])
      expect(said).toContain(`${name}: expected`);
    expect(said).not.toMatch(/hunter/);
  });

  it("a stream must outlive its events and publish ids", () => {
    expect(message({ url: "redis://localhost", headTtlMs: 1000 })).toContain("headTtlMs: expected an integer ≥ 300000");
  });

  it("need exactly one place", () => {
    expect(message({})).toContain("expected one of url, nodes, sentinels and client, got none");
    expect(message({ url: "redis://a", nodes: [{ host: "a", port: 1 }] })).toContain("got more");
    expect(message({ sentinels: [{ host: "a", port: 1 }] })).toContain("name: expected");
    expect(message({ nodes: [{ host: "a", port: 0 }] })).toContain("nodes[0]: expected");
    expect(message({ nodes: [] })).toContain("nodes: expected at least one");
  });

  it("beside the URL win over it", () => {
    const { place } = resolveRedisOptions({ url: "redis://:one@localhost", username: "u", password: "two", tls: true });
    expect(place).toMatchObject({ kind: "single", username: "u", password: "two", tls: {} });
  });
});
