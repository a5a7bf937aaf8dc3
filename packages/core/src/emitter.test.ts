import { describe, expect, it } from "vitest";
import { createEmitter } from "./emitter.ts";

type Events = { tick: [count: number, note?: string]; tock: [] };

function setUp() {
  const failures: unknown[] = [];
  const got: unknown[] = [];
  const emitter = createEmitter<Events>((cause, name) => failures.push([name, cause]));
  return { emitter, failures, got, note: (label: string) => (count: number) => void got.push(label + count) };
}

describe("on and off", () => {
  it("calls listeners in order of registration with everything the event carries", () => {
    const { emitter, got } = setUp();
    emitter.on("tick", (...args) => got.push(["a", ...args]));
    emitter.on("tick", (...args) => got.push(["b", ...args]));
    emitter.emit("tick", 1, "note");
    expect(got).toEqual([
      ["a", 1, "note"],
      ["b", 1, "note"],
    ]);
  });

  it("W-08 on returns its undo, safe to call twice", () => {
    const { emitter, got, note } = setUp();
    const same = note("same");
    const undo = emitter.on("tick", same);
    emitter.on("tick", same);
    undo();
    undo();
    emitter.emit("tick", 1);
    expect(got).toEqual(["same1"]);
  });

  it("W-08 off removes by identity: one of two equal-looking functions", () => {
    const { emitter, got } = setUp();
    const twins = [1, 2].map((twin) => () => void got.push(twin)) as [() => void, () => void];
    for (const twin of twins) emitter.on("tick", twin);
    emitter.off("tick", twins[0]);
    emitter.off("tick", () => void got.push("stranger"));
    emitter.off("tock", twins[1]);
    emitter.emit("tick", 1);
    expect(got).toEqual([2]);
  });

  it("once calls once, also when the listener emits again, and can be undone", () => {
    const { emitter, got } = setUp();
    emitter.once("tick", (count) => {
      got.push(count);
      emitter.emit("tick", count + 1);
    });
    const undone = emitter.once("tick", () => got.push("undone"));
    undone();
    emitter.emit("tick", 1);
    emitter.emit("tick", 9);
    expect(got).toEqual([1]);
  });

  it("a signal undoes; one that is aborted already registers nothing", () => {
    const { emitter, got, note } = setUp();
    const controller = new AbortController();
    emitter.on("tick", note("a"), { signal: controller.signal });
    emitter.emit("tick", 1);
    controller.abort();
    emitter.on("tick", note("b"), { signal: controller.signal });
    emitter.emit("tick", 2);
    expect(got).toEqual(["a1"]);
  });

  it("leaves nothing on a signal that outlives the registration", () => {
    const { emitter } = setUp();
    let held = 0;
    const signal = {
      aborted: false,
      addEventListener: () => void held++,
      removeEventListener: () => void held--,
    };
    emitter.on("tick", () => {}, { signal })();
    emitter.once("tick", () => {}, { signal });
    emitter.emit("tick", 1);
    expect(held).toBe(0);
  });
});

describe("changes during a dispatch", () => {
  it("one that is added waits for the next event", () => {
    const { emitter, got, note } = setUp();
    emitter.once("tick", () => void emitter.on("tick", note("late")));
    emitter.emit("tick", 1);
    expect(got).toEqual([]);
    emitter.emit("tick", 2);
    expect(got).toEqual(["late2"]);
  });

  it("one that is undone is not called any more; the others are", () => {
    const { emitter, got, note } = setUp();
    emitter.on("tick", () => undo());
    const undo = emitter.on("tick", note("undone"));
    emitter.on("tick", note("last"));
    emitter.emit("tick", 1);
    expect(got).toEqual(["last1"]);
  });
});

describe("W-09 R-16 isolation", () => {
  it("a listener that throws is reported; the rest still run", () => {
    const { emitter, failures, got, note } = setUp();
    const cause = new Error("middle");
    emitter.on("tick", note("a"));
    emitter.on("tick", () => {
      throw cause;
    });
    emitter.on("tick", note("c"));
    emitter.emit("tick", 1);
    expect(got).toEqual(["a1", "c1"]);
    expect(failures).toEqual([["tick", cause]]);
  });

  it("a listener whose promise rejects is reported", async () => {
    const { emitter, failures } = setUp();
    emitter.on("tick", async () => {
      throw new Error("later");
    });
    emitter.emit("tick", 1);
    await Promise.resolve();
    await Promise.resolve();
    expect(failures).toEqual([["tick", new Error("later")]]);
  });

  it("a listener whose promise lies about itself is reported", () => {
    const { emitter, failures } = setUp();
    const liar = new Proxy(
      {},
      {
        get: () => {
          throw new Error("then");
        },
      },
    );
    emitter.on("tick", () => liar);
    emitter.emit("tick", 1);
    expect(failures).toEqual([["tick", new Error("then")]]);
  });
});

it("keeps names of Object.prototype apart from the prototype", () => {
  const got: unknown[] = [];
  const emitter = createEmitter<Record<string, [unknown?]>>(() => {});
  emitter.emit("constructor", 1);
  emitter.on("__proto__", (data) => got.push(data));
  emitter.emit("__proto__", 2);
  expect(got).toEqual([2]);
});
