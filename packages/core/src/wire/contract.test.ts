import { describe, expect, expectTypeOf, it } from "vitest";
import {
  type Contract,
  type EventDefinition,
  type EventsOf,
  call,
  defineContract,
  definitionOf,
  event,
} from "./contract.ts";

interface Post {
  readonly id: number;
}

const contract = defineContract({
  events: {
    "post.created": event<Post>(),
    "price.set": event<number>({ delivery: "state" }),
    "cursor.moved": event<{ readonly x: number }>({ delivery: "volatile" }),
    "anything.else": event(),
  },
  calls: { "post.get": call<{ readonly id: number }, Post>() },
});

describe("defineContract", () => {
  it("§5.1 gives each event its delivery class, log when none was said", () => {
    const classes = Object.keys(contract.events).map((name) => definitionOf(contract, name).delivery);
    expect(classes).toEqual(["log", "state", "volatile", "log"]);
  });

  it("§5.1 what a contract does not name is log, inherited names included", () => {
    for (const name of ["unknown", "constructor", "__proto__", "toString", ""])
      expect(definitionOf(contract, name).delivery).toBe("log");
    expect(definitionOf(undefined, "post.created").delivery).toBe("log");
  });

  it("is a plain value: what it says survives JSON", () => {
    const copy = JSON.parse(JSON.stringify(contract)) as Contract;
    expect(definitionOf(copy, "cursor.moved").delivery).toBe("volatile");
    expect(copy).toEqual(contract);
  });

  it("calls are optional", () => {
    expect(defineContract({ events: {} })).toEqual({ events: {}, calls: {} });
  });

  it("types: event names and their data come from the contract", () => {
    type Events = EventsOf<typeof contract>;
    expectTypeOf<keyof Events>().toEqualTypeOf<"post.created" | "price.set" | "cursor.moved" | "anything.else">();
    expectTypeOf<Events["post.created"]>().toEqualTypeOf<Post>();
    expectTypeOf<Events["price.set"]>().toEqualTypeOf<number>();
    expectTypeOf<Events["cursor.moved"]>().toEqualTypeOf<{ readonly x: number }>();
    expectTypeOf<Events["anything.else"]>().toEqualTypeOf<unknown>();
    expectTypeOf(contract).toExtend<Contract>();
    expectTypeOf<keyof (typeof contract)["calls"]>().toEqualTypeOf<"post.get">();
    expectTypeOf(definitionOf).returns.toEqualTypeOf<EventDefinition>();
  });

  it("types: another delivery class is an error", () => {
    // @ts-expect-error: "sometimes" is no delivery class
    expect(event({ delivery: "sometimes" }).delivery).toBe("sometimes");
  });
});
