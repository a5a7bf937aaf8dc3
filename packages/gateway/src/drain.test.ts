import { expect, it } from "vitest";
import { planDrain, spreadMsOf } from "./drain.ts";

it("§7.3 a lone client returns at once, a fleet at 800 per second", () => {
  expect([0, 1, 801, 8001].map(spreadMsOf)).toEqual([0, 0, 1000, 10_000]);
});

it("§7.4 plain clients leave from the start on, the others get half the time to leave by themselves", () => {
  const plan = planDrain(["plain", "v1", "plain", "v1"], 1000);
  expect(plan).toEqual({ spreadMs: 3, leaveAtMs: [0, 625, 1.5, 875] });
  const fleet = planDrain(
    Array.from({ length: 10_000 }, () => "v1"),
    4000,
  );
  expect(fleet.spreadMs).toBe(2000);
  expect(Math.min(...fleet.leaveAtMs)).toBe(2000);
  expect(Math.max(...fleet.leaveAtMs)).toBeLessThan(4000);
});

it("without time everybody leaves at once", () => {
  expect(planDrain(["v1", "plain"], 0)).toEqual({ spreadMs: 0, leaveAtMs: [0, 0] });
  expect(planDrain([], 1000)).toEqual({ spreadMs: 0, leaveAtMs: [] });
});
