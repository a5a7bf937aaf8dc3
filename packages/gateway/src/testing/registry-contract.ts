// What every registry must do, as tests. The test framework's functions are passed in, so that this file can be published.
import type { Registered, Registry } from "@trunkline/core/ports";
import type { ContractFramework } from "./broker-contract.ts";

/** What the suite is given. */
export interface ContractRegistry {
  readonly registry: Registry;
  /** Turns the registry's clock by so many milliseconds. Absent: time passes by itself, and the suite waits for it. */
  readonly advance?: (ms: number) => void;
}

/** Opens a registry. The suite closes it; registries that share a store get other keys in each test. */
export type MakeRegistry = () => Promise<ContractRegistry>;

interface Bench {
  readonly registry: Registry;
  /** One that was never used: 64 hex digits. */
  readonly newKey: () => string;
  /** Resolves when whatever was to end within `ms` has ended. */
  readonly passes: (ms: number) => Promise<void>;
}

const waitMs = 5000;
/** No test comes near. */
const farMs = 3_600_000;
/** Times to live that run out within a test. Where the machine was too slow for one, the test is made again with the next. */
const briefMs = [50, 200, 800, 3200] as const;

const at = (channel: string, offset: number): Registered => ({
  channel,
  position: { epoch: "e1", offset, tag: `t${offset}` },
});
const news = at("news", 1);
const chat = at("chat", 2);

/**
 * The contract suite: `registryContract("memory", { describe, it, expect }, async () => ({ registry, advance }))`. No test depends on
 * the speed of the machine: an end is waited for, by way of another key that ends later.
 */
export function registryContract(
  name: string,
  { describe, it, expect }: ContractFramework,
  makeRegistry: MakeRegistry,
): void {
  const withRegistry = async (body: (bench: Bench, turned: boolean) => Promise<void>): Promise<void> => {
    const { registry, advance } = await makeRegistry();
    const bench: Bench = {
      registry,
      newKey,
      passes: advance === undefined ? (ms) => outlive(registry, ms) : async (ms) => advance(ms),
    };
    try {
      await body(bench, advance !== undefined);
    } finally {
      await registry.close();
    }
  };
  const test = (sentence: string, body: (bench: Bench) => Promise<void>): void => {
    it(sentence, () => withRegistry(body));
  };
  /** `body` gets a time to live that it must not outlive before it waits for its end. */
  const timedTest = (sentence: string, body: (bench: Bench, ms: number) => Promise<void>): void => {
    it(sentence, () =>
      withRegistry(async (bench, turned) => {
        for (const ms of turned ? briefMs.slice(-1) : briefMs) {
          try {
            return await body(bench, ms);
          } catch (error) {
            if (ms === briefMs.at(-1) || error instanceof NeverEnded) throw error;
          }
        }
      }),
    );
  };
  const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => "done",
      (error: { readonly code?: unknown }) => error.code,
    );

  describe(`${name} registry`, () => {
    describe("what a key is subscribed to", () => {
      test("P-26 a key that is not known is null, and nothing that is asked of it leaves anything behind", async ({
        registry,
        newKey,
      }) => {
        const key = newKey();
        expect(await registry.read(key)).toBe(null);
        await registry.remove(key, ["news"]);
        expect(await registry.hold(key, "one", farMs)).toBe(null);
        expect(await registry.release(key, "one", farMs)).toBe(false);
        await registry.renew([key], farMs);
        await registry.drop(key);
        expect(await registry.read(key)).toBe(null);
        await registry.add(key, [news], farMs);
        expect(await registry.release(key, "one", farMs)).toBe(false);
        expect(await registry.read(key)).toEqual([news]);
      });

      test("is read in the order of adding, over several calls", async ({ registry, newKey }) => {
        const key = newKey();
        const all = Array.from({ length: 25 }, (_, n) => at(`room-${(n * 7) % 25}`, n));
        await registry.add(key, all.slice(0, 12), farMs);
        await registry.add(key, all.slice(12, 13), farMs);
        await registry.add(key, all.slice(13), farMs);
        expect(await registry.read(key)).toEqual(all);
      });

      test("a channel that the key has keeps its position and its place, also within one call", async ({
        registry,
        newKey,
      }) => {
        const key = newKey();
        await registry.add(key, [news, chat, at("news", 8)], farMs);
        await registry.add(key, [at("chat", 9), at("other", 10), at("news", 9)], farMs);
        expect(await registry.read(key)).toEqual([news, chat, at("other", 10)]);
      });

      test("positions come back as they were given: none, at the beginning, with a state line, however large", async ({
        registry,
        newKey,
      }) => {
        const key = newKey();
        const mark = { revision: Number.MAX_SAFE_INTEGER, tag: "q" };
        const all: readonly Registered[] = [
          { channel: "none", position: null },
          { channel: "start", position: { epoch: "e", offset: 0, tag: "" } },
          { channel: "far", position: { epoch: 'E "1" \\ 漢字 🚀', offset: Number.MAX_SAFE_INTEGER, tag: "z-_9" } },
          { channel: "state", position: { epoch: "e", offset: 3, tag: "t", state: mark } },
          { channel: "state-start", position: { epoch: "e", offset: 0, tag: "", state: { revision: 0, tag: "" } } },
        ];
        await registry.add(key, all, farMs);
        expect(await registry.read(key)).toEqual(all);
        expect(await registry.hold(key, "one", farMs)).toEqual(all);
      });

      test("what is taken off is gone, the others stay; what is added again comes last, where it is now", async ({
        registry,
        newKey,
      }) => {
        const key = newKey();
        const other = at("other", 3);
        await registry.add(key, [news, chat, other], farMs);
        await registry.remove(key, ["news", "never"]);
        expect(await registry.read(key)).toEqual([chat, other]);
        await registry.remove(key, ["news"]);
        await registry.add(key, [at("news", 7)], farMs);
        expect(await registry.read(key)).toEqual([chat, other, at("news", 7)]);
      });

      test("a key without channels is known: it began without, or lost all", async ({ registry, newKey }) => {
        const [bare, emptied] = [newKey(), newKey()];
        await registry.add(bare, [], farMs);
        await registry.add(emptied, [news, chat], farMs);
        await registry.remove(emptied, ["chat", "news"]);
        await registry.remove(emptied, []);
        expect([await registry.read(bare), await registry.read(emptied)]).toEqual([[], []]);
        expect(await registry.hold(bare, "one", farMs)).toEqual([]);
        await registry.add(emptied, [chat], farMs);
        expect(await registry.read(emptied)).toEqual([chat]);
      });

      test("names are any text of up to 512 bytes without control characters, and none is taken for another", async ({
        registry,
        newKey,
      }) => {
        const names = [
          "x".repeat(512),
          `${"x".repeat(511)}y`,
          "漢".repeat(170),
          "🚀".repeat(128),
          "ẞ \u2028 é",
          "e\u0301",
          "é",
          ' "quoted" \\ \\n {braces} [x] * ? % } : ',
          "~members/chat",
          "__proto__",
          "constructor",
          "10",
          "9",
          "-1",
          ...Array.from(" !#$&'()+,./;<=>@^_`|~abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        ];
        const key = newKey();
        const all = names.map((channel, index) => at(channel, index));
        await registry.add(key, all, farMs);
        await registry.hold(key, "one", farMs);
        expect(await registry.read(key)).toEqual(all);
        const [even, odd] = [all.filter((_, index) => index % 2 === 0), all.filter((_, index) => index % 2 === 1)];
        await registry.remove(
          key,
          even.map(({ channel }) => channel),
        );
        expect(await registry.read(key)).toEqual(odd);
        expect(await registry.release(key, "one", farMs)).toBe(true);
      });

      test("keys are any hex text, and none is taken for another", async ({ registry, newKey }) => {
        const key = newKey();
        const keys = [key, key.slice(0, 63), `${key}0`, `0${key}`, `${key}${key}`, key.slice(0, 32), key.slice(32)];
        for (const [n, each] of keys.entries()) await registry.add(each, [at("news", n)], farMs);
        await registry.drop(keys[0] as string);
        const read = await Promise.all(keys.map((each) => registry.read(each)));
        expect(read).toEqual(keys.map((_, n) => (n === 0 ? null : [at("news", n)])));
        for (const each of keys) await registry.drop(each);
      });

      test("a thousand channels at once", async ({ registry, newKey }) => {
        const key = newKey();
        const all = Array.from({ length: 1000 }, (_, n) => at(`${"room".repeat(100)}-${n}`, n));
        await registry.add(key, all, farMs);
        expect(await registry.read(key)).toEqual(all);
        await registry.remove(
          key,
          all.slice(1).map(({ channel }) => channel),
        );
        expect(await registry.read(key)).toEqual(all.slice(0, 1));
      });

      test("what was read stays as it was", async ({ registry, newKey }) => {
        const key = newKey();
        await registry.add(key, [news], farMs);
        const read = await registry.read(key);
        const held = await registry.hold(key, "one", farMs);
        await registry.add(key, [chat], farMs);
        await registry.remove(key, ["news"]);
        expect([read, held]).toEqual([[news], [news]]);
      });

      test("a key that was dropped is not known, nor is its holder, and may begin again", async ({
        registry,
        newKey,
      }) => {
        const key = newKey();
        await registry.add(key, [news], farMs);
        await registry.hold(key, "one", farMs);
        await registry.drop(key);
        expect([await registry.read(key), await registry.hold(key, "two", farMs)]).toEqual([null, null]);
        expect(await registry.release(key, "one", farMs)).toBe(false);
        await registry.add(key, [chat], farMs);
        expect(await registry.release(key, "one", farMs)).toBe(false);
        expect(await registry.read(key)).toEqual([chat]);
      });

      test("calls that are made at the same time each happen whole", async ({ registry, newKey }) => {
        const key = newKey();
        const all = Array.from({ length: 50 }, (_, n) => at(`room-${n}`, n));
        await Promise.all(
          all.map((each) => registry.add(key, [each, at("shared", each.position?.offset ?? 0)], farMs)),
        );
        const channels = ((await registry.read(key)) ?? []).map(({ channel }) => channel);
        expect([...channels].sort()).toEqual([...all.map(({ channel }) => channel), "shared"].sort());
        await Promise.all([
          ...all.slice(0, 25).map(({ channel }) => registry.remove(key, [channel])),
          ...all.slice(25).map((each) => registry.add(key, [each], farMs)),
        ]);
        expect((await registry.read(key))?.length).toBe(26);
      });
    });

    describe("who holds a key", () => {
      test("a socket that comes gets what the key is subscribed to", async ({ registry, newKey }) => {
        const key = newKey();
        await registry.add(key, [news, chat], farMs);
        expect(await registry.hold(key, "one", farMs)).toEqual([news, chat]);
        expect(await registry.hold(key, "one", farMs)).toEqual([news, chat]);
        expect(await registry.release(key, "one", farMs)).toBe(true);
        expect(await registry.read(key)).toEqual([news, chat]);
      });

      test("P-33 the newer holder wins, and the release of an older one changes nothing", async ({
        registry,
        newKey,
      }) => {
        const key = newKey();
        await registry.add(key, [news], farMs);
        await registry.hold(key, "A", farMs);
        expect(await registry.hold(key, "B", farMs)).toEqual([news]);
        expect(await registry.release(key, "A", farMs)).toBe(false);
        expect(await registry.read(key)).toEqual([news]);
        expect(await registry.release(key, "B", farMs)).toBe(true);
      });

      test("a holder lets go once; then another may hold, or the same one again", async ({ registry, newKey }) => {
        const key = newKey();
        await registry.add(key, [news], farMs);
        expect(await registry.release(key, "A", farMs)).toBe(false);
        await registry.hold(key, "A", farMs);
        expect(await registry.release(key, "A", farMs)).toBe(true);
        expect(await registry.release(key, "A", farMs)).toBe(false);
        await registry.hold(key, "A", farMs);
        expect(await registry.release(key, "A", farMs)).toBe(true);
        await registry.hold(key, "B", farMs);
        expect(await registry.release(key, "A", farMs)).toBe(false);
        expect(await registry.release(key, "B", farMs)).toBe(true);
      });

      test("what is added, taken off and renewed leaves the holder in place", async ({ registry, newKey }) => {
        const key = newKey();
        await registry.add(key, [news], farMs);
        await registry.hold(key, "A", farMs);
        await registry.add(key, [chat], farMs);
        await registry.remove(key, ["news"]);
        await registry.renew([key], farMs);
        expect(await registry.release(key, "A", farMs)).toBe(true);
      });

      test("of several that come at the same time one is the holder", async ({ registry, newKey }) => {
        const key = newKey();
        await registry.add(key, [news], farMs);
        const holders = Array.from({ length: 20 }, (_, n) => `socket-${n}`);
        await Promise.all(holders.map((holder) => registry.hold(key, holder, farMs)));
        const released = await Promise.all(holders.map((holder) => registry.release(key, holder, farMs)));
        expect(released.filter(Boolean).length).toBe(1);
      });

      test("each key has a holder of its own, whatever it is called", async ({ registry, newKey }) => {
        const [one, two] = [newKey(), newKey()];
        const odd = '1 "x" \\ 🚀 }';
        await registry.add(one, [news], farMs);
        await registry.add(two, [news], farMs);
        await registry.hold(one, odd, farMs);
        expect(await registry.release(two, odd, farMs)).toBe(false);
        expect(await registry.release(one, odd, farMs)).toBe(true);
      });
    });

    describe("when a key ends", () => {
      timedTest(
        "P-32 one that nobody came for ends after its time to live",
        async ({ registry, newKey, passes }, ms) => {
          const [key, longer] = [newKey(), newKey()];
          await registry.add(key, [news], ms);
          await registry.add(longer, [chat], farMs);
          expect(await registry.read(key)).toEqual([news]);
          await passes(ms);
          expect([await registry.read(key), await registry.read(longer)]).toEqual([null, [chat]]);
          expect(await registry.hold(key, "late", farMs)).toBe(null);
          expect(await registry.read(key)).toBe(null);
        },
      );

      timedTest("adding to one that is known, taking off and reading leave its end where it is", async (bench, ms) => {
        const { registry, newKey, passes } = bench;
        const [near, far] = [newKey(), newKey()];
        await registry.add(near, [news], ms);
        await registry.add(far, [news], farMs);
        await registry.add(near, [chat], farMs);
        await registry.add(far, [chat], ms);
        for (const key of [near, far]) {
          expect(await registry.read(key)).toEqual([news, chat]);
          await registry.remove(key, ["news"]);
        }
        await passes(ms);
        expect([await registry.read(near), await registry.read(far)]).toEqual([null, [chat]]);
      });

      timedTest("P-32 a socket that comes puts the end where it says: later or nearer", async (bench, ms) => {
        const { registry, newKey, passes } = bench;
        const [later, nearer] = [newKey(), newKey()];
        await registry.add(later, [news], ms);
        await registry.add(nearer, [news], farMs);
        await registry.hold(later, "one", farMs);
        await registry.hold(nearer, "one", ms);
        await passes(ms);
        expect([await registry.read(later), await registry.read(nearer)]).toEqual([[news], null]);
      });

      timedTest(
        "P-32 so does one that goes: within that time a return finds all, after it nothing",
        async (bench, ms) => {
          const { registry, newKey, passes } = bench;
          const [later, nearer] = [newKey(), newKey()];
          for (const key of [later, nearer]) await registry.add(key, [news], farMs);
          await registry.hold(later, "one", ms);
          await registry.hold(nearer, "one", farMs);
          expect(await registry.release(later, "one", farMs)).toBe(true);
          expect(await registry.release(nearer, "one", ms)).toBe(true);
          await passes(ms);
          expect(await registry.hold(later, "two", farMs)).toEqual([news]);
          expect(await registry.hold(nearer, "two", farMs)).toBe(null);
        },
      );

      timedTest("P-33 the release of an older holder leaves the end where it is", async (bench, ms) => {
        const { registry, newKey, passes } = bench;
        const [near, far] = [newKey(), newKey()];
        for (const key of [near, far]) {
          await registry.add(key, [news], farMs);
          await registry.hold(key, "A", farMs);
        }
        await registry.hold(near, "B", ms);
        await registry.hold(far, "B", farMs);
        expect(await registry.release(near, "A", farMs)).toBe(false);
        expect(await registry.release(far, "A", ms)).toBe(false);
        await passes(ms);
        expect([await registry.read(near), await registry.read(far)]).toEqual([null, [news]]);
      });

      timedTest("renewing puts the ends of many where it says, held or not, and begins none", async (bench, ms) => {
        const { registry, newKey, passes } = bench;
        const later = Array.from({ length: 1100 }, newKey);
        const nearer = [newKey(), newKey()];
        const ended = newKey();
        await registry.add(ended, [news], 1);
        await passes(1);
        await Promise.all(later.map((key) => registry.add(key, [], ms)));
        for (const key of nearer) await registry.add(key, [], farMs);
        for (const [key] of [later, nearer]) await registry.hold(key as string, "one", ms);
        await registry.renew([...later, ended, newKey(), ...later.slice(0, 3)], farMs);
        await registry.renew(nearer, ms);
        await registry.renew([], farMs);
        await passes(ms);
        const read = await Promise.all([...later, ...nearer].map((key) => registry.read(key)));
        expect(read.map((channels) => channels !== null)).toEqual([...later.map(() => true), false, false]);
        expect(await registry.release(later[0] as string, "one", farMs)).toBe(true);
        expect(await registry.read(ended)).toBe(null);
        await Promise.all(later.map((key) => registry.drop(key)));
      });

      timedTest("one that is held ends too, with its holder and its channels", async (bench, ms) => {
        const { registry, newKey, passes } = bench;
        const key = newKey();
        await registry.add(key, [news, chat], farMs);
        await registry.hold(key, "gone without a word", ms);
        await passes(ms);
        expect(await registry.release(key, "gone without a word", farMs)).toBe(false);
        await registry.add(key, [at("other", 4)], farMs);
        expect(await registry.release(key, "gone without a word", farMs)).toBe(false);
        expect(await registry.read(key)).toEqual([at("other", 4)]);
      });

      timedTest("one that was dropped and begins again has an end of its own", async (bench, ms) => {
        const { registry, newKey, passes } = bench;
        const [near, far] = [newKey(), newKey()];
        await registry.add(near, [news], farMs);
        await registry.add(far, [news], ms);
        await registry.drop(near);
        await registry.drop(far);
        await registry.add(near, [chat], ms);
        await registry.add(far, [chat], farMs);
        await passes(ms);
        expect([await registry.read(near), await registry.read(far)]).toEqual([null, [chat]]);
      });
    });

    it("has a name; a closed one rejects with gateway.unavailable, and closing twice is fine", () =>
      withRegistry(async ({ registry, newKey }) => {
        const key = newKey();
        expect(registry.name).toMatch(/./);
        await registry.close();
        await registry.close();
        const codes = await Promise.all(
          [
            registry.add(key, [news], farMs),
            registry.remove(key, ["news"]),
            registry.read(key),
            registry.hold(key, "one", farMs),
            registry.release(key, "one", farMs),
            registry.renew([key], farMs),
            registry.drop(key),
          ].map(codeOf),
        );
        expect(codes).toEqual(codes.map(() => "gateway.unavailable"));
      }));
  });
}

function newKey(): string {
  return Array.from({ length: 8 }, () => Math.floor(Math.random() * 0x1_0000_0000))
    .map((word) => word.toString(16).padStart(8, "0"))
    .join("");
}

/** More time would not help. */
class NeverEnded extends Error {}

/** Waits until a key that was added now with `ms` to live has ended: so has all that had as long, or less, from before. */
async function outlive(registry: Registry, ms: number): Promise<void> {
  const witness = newKey();
  const deadline = Date.now() + ms + waitMs;
  await registry.add(witness, [], ms);
  while ((await registry.read(witness)) !== null) {
    if (Date.now() > deadline) throw new NeverEnded(`expected a key to end within ${ms} ms, got one that did not`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
