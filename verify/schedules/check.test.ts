import { randomInt } from "node:crypto";
import { expect, it } from "vitest";
import { checkSchedules } from "./check.ts";

it("after 2,000 random schedules every book balances", { timeout: 120_000 }, async () => {
  const seed = randomInt(2 ** 31);
  const { failure } = await checkSchedules(2_000, seed);
  expect(failure, `seed ${seed}`).toBeNull();
});
