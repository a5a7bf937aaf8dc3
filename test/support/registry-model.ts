// What the Registry port says, in the plainest way, and random calls that a registry must answer as it does.
import type { Registered, Registry } from "@trunkline/core/ports";
import fc from "fast-check";
import { expect } from "vitest";

interface Known {
  channels: Registered[];
  holder: string | null;
  end: number;
}

const channels = ["news", "chat", "~page/1", "__proto__", "10", "9", "漢 {🚀}"];
const farMs = 3_600_000;

const key = fc.integer({ min: 0, max: 2 });
const holder = fc.constantFrom("A", "B", "C");
const channel = fc.constantFrom(...channels);
const position = fc.option(
  fc.record(
    {
      epoch: fc.string({ unit: "grapheme", maxLength: 8 }),
      offset: fc.maxSafeNat(),
      tag: fc.string({ maxLength: 4 }),
      state: fc.record({ revision: fc.nat(), tag: fc.string({ maxLength: 4 }) }, { noNullPrototype: true }),
    },
    { requiredKeys: ["epoch", "offset", "tag"], noNullPrototype: true },
  ),
);
const registered = fc.record({ channel, position }, { noNullPrototype: true });

/** A call, or time that passes. Times to live are told apart only where time can be turned. */
const move = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("add" as const),
      key,
      given: fc.array(registered, { maxLength: 4 }),
      ttl: fc.nat(2),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("remove" as const), key, given: fc.array(channel, { maxLength: 3 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("hold" as const), key, holder, ttl: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("release" as const), key, holder, ttl: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("renew" as const), keys: fc.array(key), ttl: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("drop" as const), key }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 40 }) }) },
);
type Move = typeof move extends fc.Arbitrary<infer Each> ? Each : never;

export const registryMoves: fc.Arbitrary<readonly Move[]> = fc.array(move, { maxLength: 40 });

/**
 * Makes the calls, and expects the model's answers.
 * @param advance turns the registry's clock; null: no key ends during the calls
 */
export async function playRegistry(
  registry: Registry,
  moves: readonly Move[],
  keys: readonly string[],
  advance: ((ms: number) => void) | null,
): Promise<void> {
  const model = new RegistryModel();
  const name = (index: number): string => keys[index] as string;
  const ms = (index: number): number => (advance === null ? farMs : ([10, 30, 100][index] as number));
  for (const each of moves) {
    switch (each.kind) {
      case "add":
        await registry.add(name(each.key), each.given, ms(each.ttl));
        model.add(each.key, each.given, ms(each.ttl));
        break;
      case "remove":
        await registry.remove(name(each.key), each.given);
        model.remove(each.key, each.given);
        break;
      case "hold":
        expect(await registry.hold(name(each.key), each.holder, ms(each.ttl))).toEqual(
          model.hold(each.key, each.holder, ms(each.ttl)),
        );
        break;
      case "release":
        expect(await registry.release(name(each.key), each.holder, ms(each.ttl))).toBe(
          model.release(each.key, each.holder, ms(each.ttl)),
        );
        break;
      case "renew":
        await registry.renew(each.keys.map(name), ms(each.ttl));
        model.renew(each.keys, ms(each.ttl));
        break;
      case "drop":
        await registry.drop(name(each.key));
        model.known.delete(each.key);
        break;
      case "pass":
        advance?.(each.ms);
        if (advance !== null) model.pass(each.ms);
        break;
      default:
        throw new Error(`unreachable: ${JSON.stringify(each satisfies never)}`);
    }
  }
  for (const index of keys.keys())
    expect(await registry.read(name(index))).toEqual(model.known.get(index)?.channels ?? null);
}

class RegistryModel {
  readonly known = new Map<number, Known>();
  #now = 0;

  add(key: number, given: readonly Registered[], ttlMs: number): void {
    const known = this.known.get(key) ?? { channels: [], holder: null, end: this.#now + ttlMs };
    this.known.set(key, known);
    for (const each of given)
      if (known.channels.every((other) => other.channel !== each.channel)) known.channels.push(each);
  }

  remove(key: number, given: readonly string[]): void {
    const known = this.known.get(key);
    if (known !== undefined) known.channels = known.channels.filter((each) => !given.includes(each.channel));
  }

  hold(key: number, by: string, ttlMs: number): readonly Registered[] | null {
    const known = this.known.get(key);
    if (known === undefined) return null;
    Object.assign(known, { holder: by, end: this.#now + ttlMs });
    return known.channels;
  }

  release(key: number, by: string, ttlMs: number): boolean {
    const known = this.known.get(key);
    if (known?.holder !== by) return false;
    Object.assign(known, { holder: null, end: this.#now + ttlMs });
    return true;
  }

  renew(keys: readonly number[], ttlMs: number): void {
    for (const key of keys) Object.assign(this.known.get(key) ?? {}, { end: this.#now + ttlMs });
  }

  pass(ms: number): void {
    this.#now += ms;
    for (const [key, { end }] of this.known) if (end <= this.#now) this.known.delete(key);
  }
}
