import { UsageError } from "@trunkline/core/errors";
import { lacking } from "./options.ts";

/** What decorators of all kinds made. */
const decorators = new WeakSet<object>();

/** @throws {UsageError} `usage.bad-argument` unless `thing` has these methods */
export function expectMethods(decorator: string, name: string, thing: unknown, methods: readonly string[]): void {
  const problem = lacking(name, thing, methods);
  if (problem !== null) throw new UsageError("usage.bad-argument", `${decorator}: ${problem}`);
}

/** What one kind of decorator made of what: nothing is wrapped twice. */
export class Decorated {
  readonly #made = new WeakMap<object, object>();

  /**
   * `thing` with the methods that `make` returns in place of its own; null: it stays as it is. What was decorated before is not
   * again: the decorator that there is, is returned.
   */
  once<Thing extends object>(thing: Thing, make: () => object | null): Thing {
    if (decorators.has(thing)) return thing;
    const known = this.#made.get(thing) as Thing | undefined;
    if (known !== undefined) return known;
    const own = make();
    const made = own === null ? thing : decorate(thing, own);
    this.#made.set(thing, made);
    return made;
  }
}

function decorate<Thing extends object>(thing: Thing, own: object): Thing {
  const bound = new WeakMap<object, unknown>();
  const decorator = new Proxy(thing, {
    get(target, name) {
      if (Object.hasOwn(own, name)) return Reflect.get(own, name) as unknown;
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function" || name === "constructor") return value;
      // Methods may reach for private fields, which a proxy does not have.
      const method: unknown = bound.get(value) ?? value.bind(target);
      bound.set(value, method);
      return method;
    },
    // As a setter may, too.
    set: (target, name, value) => Reflect.set(target, name, value),
  });
  decorators.add(decorator);
  return decorator;
}
