import { expect, it } from "vitest";
import { replay } from "./replay.ts";

const connecting = {
  status: "connecting",
  effects: [
    { kind: "wake", afterMs: 5 },
    { kind: "get-token", link: 1, fresh: false },
  ],
};

it("runs a session in its own configuration and numbers its lines", () => {
  const session = [
    `{"config":{"connectTimeoutMs":5}}`,
    ``,
    JSON.stringify({ input: { type: "connect" }, ...connecting }),
    JSON.stringify({ input: { type: "connect" }, ...connecting }),
  ].join("\n");
  expect(replay(session)).toEqual([
    { line: 3, expected: connecting, actual: connecting },
    { line: 4, expected: connecting, actual: { status: "connecting", effects: [] } },
  ]);
});

it("refuses what is not JSON", () => {
  expect(() => replay("connect")).toThrow(SyntaxError);
});
