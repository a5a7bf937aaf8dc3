import { ManualClock } from "@trunkline/core/testing";
import type { Registry } from "@trunkline/core/ports";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { playRegistry, registryMoves } from "../../../../test/support/registry-model.ts";
import { registryContract } from "../testing/index.ts";
import { type MemoryRegistryOptions, memoryRegistry } from "./memory-registry.ts";

const framework = { describe, it, expect };
registryContract("P-26 memory", framework, async () => {
  const clock = new ManualClock();
  return { registry: memoryRegistry({ clock }), advance: (ms) => clock.advance(ms) };
});
registryContract("P-26 memory by the system's clock", framework, async () => ({ registry: memoryRegistry() }));

const minute = 60_000;
const day = 24 * 3_600_000;
const news = { channel: "news", position: null };

function setUp(options: MemoryRegistryOptions = {}): { clock: ManualClock; registry: Registry } {
  const clock = new ManualClock();
  return { clock, registry: memoryRegistry({ clock, ...options }) };
}

async function known(registry: Registry, keys: readonly string[]): Promise<readonly string[]> {
  const read = await Promise.all(keys.map((key) => registry.read(key)));
  return keys.filter((_, index) => read[index] !== null);
}

it("P-26 memory registry: any calls, in any order, with time that passes, are answered as the port says", async () => {
  await fc.assert(
    fc.asyncProperty(registryMoves, async (moves) => {
      const { clock, registry } = setUp();
      await playRegistry(registry, moves, ["a", "b", "c"], (ms) => clock.advance(ms));
      await registry.close();
    }),
    { numRuns: 500 },
  );
});

describe("memory registry: ends", () => {
  it("P-32 a key is there until its end, to the millisecond", async () => {
    const { clock, registry } = setUp();
    await registry.add("a", [news], minute);
    clock.advance(minute - 1);
    expect(await registry.read("a")).toEqual([news]);
    clock.advance(1);
    expect(await registry.read("a")).toBe(null);
  });

  it("P-32 a visitor who leaves finds all within the time that release says, counted from there", async () => {
    const { clock, registry } = setUp();
    await registry.add("a", [news], minute);
    clock.advance(minute - 1);
    await registry.hold("a", "one", 2 * minute);
    for (let n = 0; n < 10; n++) {
      clock.advance(minute);
      await registry.renew(["a"], 2 * minute);
    }
    expect(await registry.release("a", "one", day)).toBe(true);
    clock.advance(day - 1);
    expect(await registry.hold("a", "two", 2 * minute)).toEqual([news]);
    await registry.release("a", "two", day);
    clock.advance(day);
    expect(await registry.hold("a", "three", 2 * minute)).toBe(null);
  });

  it("one timer serves all keys, and none is set when no key is there", async () => {
    const { clock, registry } = setUp();
    expect(clock.timers).toBe(0);
    for (let n = 0; n < 100; n++) await registry.add(`${n}`, [news], minute + n);
    await registry.hold("7", "one", minute);
    expect(clock.timers).toBe(1);
    clock.advance(2 * minute);
    expect(clock.timers).toBe(0);
    await registry.add("a", [news], minute);
    expect(clock.timers).toBe(1);
    await registry.close();
    expect(clock.timers).toBe(0);
  });
});

describe("memory registry: its bound", () => {
  it("beyond maxKeys those with the nearest ends that nobody holds go first", async () => {
    const { registry } = setUp({ maxKeys: 4 });
    await registry.add("held", [news], minute);
    await registry.hold("held", "one", 1);
    await registry.add("far", [news], day);
    await registry.add("near", [news], minute);
    await registry.add("nearer", [news], minute - 1);
    const all = ["held", "far", "near", "nearer", "new", "newer"];
    expect(await known(registry, all)).toEqual(["held", "far", "near", "nearer"]);
    await registry.add("new", [news], 2);
    expect(await known(registry, all)).toEqual(["held", "far", "near", "new"]);
    await registry.add("new", [news], 2);
    expect(await known(registry, all)).toEqual(["held", "far", "near", "new"]);
    await registry.add("newer", [news], minute);
    expect(await known(registry, all)).toEqual(["held", "far", "near", "newer"]);
  });

  it("a key that was let go of, or has ended, counts as nobody's", async () => {
    const { clock, registry } = setUp({ maxKeys: 3 });
    for (const key of ["a", "b", "c"]) {
      await registry.add(key, [news], day);
      await registry.hold(key, "one", day);
    }
    await registry.release("b", "one", 2 * day);
    await registry.add("d", [news], 3 * day);
    expect(await known(registry, ["a", "b", "c", "d"])).toEqual(["a", "c", "d"]);
    await registry.hold("c", "two", 1);
    clock.advance(1);
    await registry.add("e", [news], day);
    expect(await known(registry, ["a", "c", "d", "e"])).toEqual(["a", "d", "e"]);
  });

  it("when all are held the one with the nearest end goes", async () => {
    const { registry } = setUp({ maxKeys: 2 });
    for (const [key, ttlMs] of [
      ["a", day],
      ["b", minute],
      ["c", minute],
    ] as const) {
      await registry.add(key, [news], day);
      await registry.hold(key, "one", ttlMs);
    }
    expect(await known(registry, ["a", "b", "c"])).toEqual(["a", "c"]);
  });

  it("is 100,000 keys unless said otherwise", async () => {
    const { registry } = setUp();
    for (let n = 0; n <= 100_000; n++) await registry.add(`${n}`, [], minute + n);
    expect(await known(registry, ["0", "1", "100000"])).toEqual(["1", "100000"]);
  });

  it.each([0, -1, 1.5, Number.NaN])("maxKeys %s is refused", (maxKeys) => {
    expect(() => memoryRegistry({ maxKeys })).toThrow(/^memoryRegistry maxKeys must be an integer ≥ 1, got /);
  });
});
