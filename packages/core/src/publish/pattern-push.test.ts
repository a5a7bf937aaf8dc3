import { expect, it } from "vitest";
import { type PatternPush, pushId, pushProblem, readPatternPush, writePatternPush } from "./pattern-push.ts";

const push: PatternPush = { account: "acme", pattern: "score:*", body: '{"event":"message","data":{"ü":1}}' };

it("is read as it was written, and nothing else is", () => {
  expect(readPatternPush(writePatternPush(push))).toEqual(push);
  const others = [
    { ...push, account: "a/b" },
    { ...push, pattern: "~members/*" },
    { ...push, body: "message" },
    { ...push, body: { event: "message" } },
    { pattern: "a*" },
    null,
    7,
    [],
  ];
  expect(["{", ...others.map((other) => JSON.stringify(other))].map(readPatternPush)).toEqual(
    Array.from({ length: others.length + 1 }, () => null),
  );
});

it("a request may name a pattern, and is looked at like any other besides", () => {
  expect(pushProblem({ event: "goal", channel: "score:*", data: 1, meta: {} })).toBeNull();
  expect(pushProblem({ event: "goal", channel: "score" })).toBeNull();
  expect(pushProblem({ event: "goal", channel: "~score*" })).toMatch(/^channel: .*reserved/);
  expect(pushProblem({ event: "", channel: "score:*" })).toMatch(/^event: /);
  expect(pushProblem({ event: "goal", channel: "score:*", colour: 1 })).toMatch(/^colour: /);
  expect([null, 7, "score:*", []].map((value) => pushProblem(value))).toEqual(
    Array.from({ length: 4 }, () => expect.stringMatching(/^expected an object/)),
  );
});

it("§8.7 keeps an id that says that it is of a push", () => {
  expect(pushId("push:1")).toBe("push:1");
  expect([pushId(), pushId("1")]).toEqual([
    expect.stringMatching(/^push:[0-9a-f]{32}$/),
    expect.stringMatching(/^push:[0-9a-f]{32}$/),
  ]);
});
