import { ManualClock } from "@trunkline/core/testing";
import type { Registry } from "@trunkline/core/ports";
import { expect, it } from "vitest";
import { memoryRegistry } from "./memory-registry.ts";
import { TimelyRegistry } from "./timely-registry.ts";

const noAnswer = { code: "gateway.unavailable", message: expect.stringContaining("does not answer") as string };
const silent = (): Promise<never> => new Promise(() => {});

it("passes on what the registry behind it says, and what it throws", async () => {
  const clock = new ManualClock();
  const inner = memoryRegistry({ clock });
  const registry = new TimelyRegistry(inner, clock, 100);
  await registry.add("k", [{ channel: "a", position: null }], 1000);
  expect([registry.name, await registry.read("k"), await registry.hold("k", "h", 1000)]).toEqual([
    "memory",
    [{ channel: "a", position: null }],
    [{ channel: "a", position: null }],
  ]);
  await registry.renew(["k"], 1000);
  expect(await registry.release("k", "h", 1000)).toBe(true);
  await registry.remove("k", ["a"]);
  await registry.drop("k");
  expect(await registry.read("k")).toBeNull();
  await registry.close();
  await expect(registry.read("k")).rejects.toMatchObject({ message: expect.stringContaining("closed") as string });
  const thrower = { ...inner, name: "thrower", read: () => expect.unreachable("thrown") } as unknown as Registry;
  await expect(new TimelyRegistry(thrower, clock, 100).read("k")).rejects.toThrow("thrown");
});

it("what is not answered in time is unavailable, and leaves no timer", async () => {
  const clock = new ManualClock();
  const registry = new TimelyRegistry({ ...memoryRegistry(), read: silent } as unknown as Registry, clock, 100);
  const read = registry.read("k");
  clock.advance(99);
  expect(await Promise.race([read, Promise.resolve("waits")])).toBe("waits");
  clock.advance(1);
  await expect(read).rejects.toMatchObject(noAnswer);
});

it("once given up it waits for nothing", async () => {
  const clock = new ManualClock();
  const registry = new TimelyRegistry({ ...memoryRegistry(), read: silent } as unknown as Registry, clock, 100);
  const reads = [registry.read("k"), registry.read("k")];
  registry.giveUp();
  for (const read of [...reads, registry.read("k")]) await expect(read).rejects.toMatchObject(noAnswer);
});
