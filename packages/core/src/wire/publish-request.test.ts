import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { publishProblem } from "./publish-request.ts";

describe("publishProblem", () => {
  it.each([
    { event: "post.created" },
    { event: "a", data: null },
    {
      event: "a",
      data: { deep: [1, "two", { three: 3 }] },
      channel: "room/1",
      key: "k",
      id: "i*",
      meta: { trace: "t" },
    },
    { event: "a", channel: undefined, key: undefined, id: undefined, meta: undefined },
    { event: "a", meta: null },
  ])("§8.1 takes %j", (request) => {
    expect(publishProblem(request)).toBeNull();
  });

  it.each([
    [{}, "event: expected a string, got undefined"],
    [{ event: "" }, "event: expected a non-empty string, got an empty one"],
    [{ event: "gap" }, 'event: expected a name that is not reserved, got "gap"'],
    [{ event: "a*" }, 'event: expected no "*" (it is for patterns)'],
    [{ event: "a", channel: null }, "channel: expected a string, got null"],
    [{ event: "a", channel: "*" }, 'channel: expected no "*" (it is for patterns)'],
    [{ event: "a", key: 7 }, "key: expected a string, got number"],
    [{ event: "a", id: "" }, "id: expected a non-empty string, got an empty one"],
    [{ event: "a", id: "x".repeat(257) }, "id: expected at most 256 bytes, got 257"],
    [{ event: "a", meta: "x".repeat(1023) }, "meta: expected at most 1024 bytes of JSON, got 1025"],
    [{ event: "a", meta: () => 1 }, "meta: expected a JSON value, got a function"],
    [{ event: "a", meta: 1n }, "meta: expected a JSON value, got one that JSON can't hold"],
    [{ event: "a", Data: 1 }, "Data: expected one of event, data, channel, key, id, meta"],
    [null, 'expected an object with "event" and "data", got null'],
    [[], 'expected an object with "event" and "data", got an array'],
    ["a", 'expected an object with "event" and "data", got string'],
    [undefined, 'expected an object with "event" and "data", got undefined'],
  ])("§8.4 names what is wrong: %#", (request, problem) => {
    expect(publishProblem(request)).toBe(problem);
  });

  it("§3.6 meta is measured as JSON in bytes: 1,024 go", () => {
    expect(publishProblem({ event: "a", meta: "x".repeat(1022) })).toBeNull();
    expect(publishProblem({ event: "a", meta: "é".repeat(511) })).toBeNull();
    expect(publishProblem({ event: "a", meta: `${"é".repeat(511)}x` })).toMatch(/^meta: .*got 1025$/);
  });

  it("any JSON value gets an answer, and what is taken has a fit event name", () => {
    const nearly = fc.record(
      {
        event: fc.oneof(fc.string(), fc.jsonValue()),
        channel: fc.jsonValue(),
        key: fc.jsonValue(),
        id: fc.jsonValue(),
        meta: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(nearly, fc.jsonValue()), (value) => {
        const problem = publishProblem(value);
        if (problem === null)
          expect((value as { readonly event: unknown }).event).toEqual(expect.stringMatching(/^[^]+$/));
        else expect(problem).toMatch(/expected /);
      }),
      { numRuns: 1000 },
    );
  });
});
