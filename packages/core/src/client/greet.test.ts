import { expect, it } from "vitest";
import { clientShapes, shapeProblem } from "../wire/check-frame.ts";
import { version } from "../wire/version.ts";
import { hello } from "./greet.ts";

const streams = [{ channel: "a", position: { epoch: "e", offset: 3, tag: "t" } }, { channel: "b" }];

it("§2.3 §7.5 says who it is and names each stream with its position", () => {
  const frame = hello("secret", "instance", 7, streams);
  expect(frame).toEqual({
    type: "hello",
    token: "secret",
    instance: "instance",
    generation: 7,
    client: `trunkline/${version}`,
    streams,
  });
  expect(shapeProblem(frame, clientShapes["hello"]!, "hello")).toBeNull();
});

it("has no token field when there is none", () => {
  expect(JSON.parse(JSON.stringify(hello(undefined, "instance", 1, [])))).not.toHaveProperty("token");
});

it.each([
  [{ organization: 5 }, "organization/5"],
  [{ organization: "a b/c", project: "é" }, "organization/a%20b%2Fc/project/%C3%A9"],
  ["organization/5", "organization/5"],
  [undefined, undefined],
])("§2.6 A-24 asks for its scope as pairs of names and values: %j", (scope, expected) => {
  expect(hello(undefined, "instance", 1, [], scope).scope).toBe(expected);
});
