import { describe, expect, it } from "vitest";
import { type Serialize, type SerializedEvent, Serializer } from "./serializer.ts";

const entry = (offset: number, data: unknown = offset) => ({
  offset,
  tag: `t${offset}`,
  time: 7,
  body: JSON.stringify({ event: "e", data, key: "k", id: "i", meta: { m: 1 } }),
});

function setUp(serialize: Serialize) {
  const failures: unknown[] = [];
  const asked: (readonly [SerializedEvent, string])[] = [];
  const counting: Serialize = (event, dialect) => {
    asked.push([event, dialect]);
    return serialize(event, dialect);
  };
  return { failures, asked, serializer: new Serializer(counting, "room", (cause) => failures.push(cause)) };
}

describe("A-28 a serializer", () => {
  it("gets the whole event and gives its data; the rest stays", () => {
    const { serializer, asked } = setUp(({ data }) => ({ twice: (data as number) * 2 }));
    expect(JSON.parse(serializer.body(entry(4), "log", "v1") ?? "")).toEqual({
      event: "e",
      data: { twice: 8 },
      key: "k",
      id: "i",
      meta: { m: 1 },
    });
    expect(asked).toEqual([
      [{ channel: "room", event: "e", data: 4, key: "k", id: "i", meta: { m: 1 }, time: 7 }, "v1"],
    ]);
  });

  it("runs once per event and dialect, however often it is read; a volatile event is not read again", () => {
    const { serializer, asked } = setUp(({ data }) => data);
    for (let time = 0; time < 3; time++) {
      serializer.body(entry(1), "log", "v1");
      serializer.body(entry(1), "log", "plain");
      serializer.body(entry(1), "state", "v1");
    }
    expect(asked).toHaveLength(3);
    // Another event in the same place: a fork.
    serializer.body({ ...entry(1), tag: "other" }, "log", "v1");
    serializer.body(entry(0), null, "v1");
    serializer.body(entry(0), null, "v1");
    expect(asked).toHaveLength(6);
    serializer.clear();
    serializer.body(entry(1), "log", "v1");
    expect(asked).toHaveLength(7);
  });

  it("keeps a bounded number of results, by count and by size", () => {
    const { serializer, asked } = setUp(({ data }) => data);
    for (let offset = 1; offset <= 257; offset++) serializer.body(entry(offset), "log", "v1");
    serializer.body(entry(257), "log", "v1");
    expect(asked).toHaveLength(257);
    serializer.body(entry(1), "log", "v1");
    expect(asked).toHaveLength(258);
    const large = "x".repeat(600_000);
    serializer.body(entry(1000, large), "log", "v1");
    serializer.body(entry(1001, large), "log", "v1");
    serializer.body(entry(1001, large), "log", "v1");
    expect(asked).toHaveLength(260);
    serializer.body(entry(1000, large), "log", "v1");
    expect(asked).toHaveLength(261);
  });

  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  it.each<readonly [string, Serialize]>([
    [
      "throws",
      () => {
        throw new Error("no");
      },
    ],
    ["gives nothing", () => undefined],
    ["gives a function", () => () => {}],
    ["gives a cycle", () => cycle],
    ["gives a bigint", () => 1n],
    ["gives a promise", () => Promise.reject(new Error("late"))],
  ])("one that %s is told once, and has no body", (_, serialize) => {
    const { serializer, failures } = setUp(serialize);
    expect(serializer.body(entry(1), "log", "v1")).toBeNull();
    expect(serializer.body(entry(1), "log", "v1")).toBeNull();
    expect(failures).toHaveLength(1);
  });
});
