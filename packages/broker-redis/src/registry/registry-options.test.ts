import { expect, it } from "vitest";
import { resolveRegistryOptions } from "./registry-options.ts";

it("P-27 R-20 a Redis registry has documented defaults", () => {
  expect(resolveRegistryOptions({ url: "redis://localhost" })).toMatchObject({
    place: { kind: "single", node: { host: "localhost", port: 6379 } },
    prefix: "trunkline:channels",
    whenAway: "reject",
    waitMs: 5000,
  });
});

it("all wrong options are named at once, and no password", () => {
  const wrong = {
    url: "redis://:hunter2@host:x",
    password: "hunter3",
    prefix: "a b",
    whenAway: "no" as "wait",
    waitMs: -1,
  };
  const error = (() => {
    try {
      return resolveRegistryOptions(wrong);
    } catch (thrown) {
      return thrown as Error;
    }
  })();
  expect(error).toMatchObject({ name: "UsageError", code: "usage.bad-option" });
  const { message } = error as Error;
  expect(message).toMatch(/^redisRegistry: /);
  for (const name of ["url", "prefix", "whenAway", "waitMs"]) expect(message).toContain(`${name}: expected`);
  expect(message).not.toMatch(/hunter/);
});
