import { expect, it } from "vitest";
import { events } from "./events.ts";
import { createEmitter } from "./emitter.ts";

type Events = { tick: [count: number] };
const emitter = () => {
  const made = createEmitter<Events>(() => {});
  let listening = 0;
  const source = {
    on: (name: "tick", listener: (count: number) => unknown) => {
      listening++;
      const undo = made.on(name, listener);
      return () => {
        listening--;
        undo();
      };
    },
  };
  return { made, source, listening: () => listening };
};

it("gives each event in order, those that came meanwhile included, until the loop is left", async () => {
  const { source, made, listening } = emitter();
  const emit = (count: number): void => made.emit("tick", count);
  const got: number[] = [];
  const loop = (async () => {
    for await (const [count] of events(source, "tick")) {
      got.push(count as number);
      if (count === 3) break;
    }
  })();
  emit(1);
  emit(2);
  await Promise.resolve();
  emit(3);
  emit(4);
  await loop;
  expect(got).toEqual([1, 2, 3]);
  expect(listening()).toBe(0);
});

it("listens only from the first next(), so that one nobody reads costs nothing", () => {
  const { source, listening } = emitter();
  events(source, "tick");
  expect(listening()).toBe(0);
});

it("ends when its signal aborts, waiting or not", async () => {
  const { source, listening } = emitter();
  const controller = new AbortController();
  const iterator = events(source, "tick", { signal: controller.signal });
  const next = iterator.next();
  controller.abort();
  expect(await next).toEqual({ done: true, value: undefined });
  expect(listening()).toBe(0);
});

it("throws usage.overflow when more events wait than the limit, and stops listening", async () => {
  const { source, made, listening } = emitter();
  const emit = (count: number): void => made.emit("tick", count);
  const iterator = events(source, "tick", { limit: 2 });
  const first = iterator.next();
  emit(1);
  await first;
  for (let count = 2; count <= 4; count++) emit(count);
  await expect(iterator.next()).rejects.toMatchObject({ code: "usage.overflow" });
  expect(listening()).toBe(0);
});
