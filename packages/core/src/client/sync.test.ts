import { describe, expect, it } from "vitest";
import { schedule } from "./backoff.ts";
import { firstSyncState, step, type SyncInput, type SyncState, syncStatusOf } from "./sync.ts";

const backoff = schedule([1_000, 2_000, 4_000]);
const verdict = (
  name: "fresh" | "recovered" | "snapshot" | "gap" | "refused" | "ended",
  spreadMs = 400,
): SyncInput => ({
  type: "verdict",
  verdict: name,
  spreadMs,
});
const woke: SyncInput = { type: "woke" };
const loaded = (load: number): SyncInput => ({ type: "loaded", load });
const failed = (load: number): SyncInput => ({ type: "failed", load });
const reload: SyncInput = { type: "reload", spreadMs: 400 };

/** The state after `inputs`, and what the last of them led to. */
function after(...inputs: readonly SyncInput[]): { state: SyncState; effects: readonly unknown[] } {
  let state = firstSyncState;
  let effects: readonly unknown[] = [];
  for (const input of inputs) {
    [state, effects] = step(state, input, backoff);
  }
  return { state, effects };
}

const live = [verdict("fresh"), loaded(1)];
const restarted = [{ kind: "drop" }, { kind: "wake", ceilingMs: 400 }];

describe("the machine of a synced view", () => {
  it.each(["fresh", "recovered", "snapshot", "gap"] as const)(
    "a first verdict %s begins the first load at once",
    (name) => {
      expect(after(verdict(name)).effects).toEqual([{ kind: "hold" }, { kind: "load", load: 1 }]);
    },
  );

  it("a refusal begins nothing; a later verdict does", () => {
    expect(after(verdict("refused")).effects).toEqual([]);
    expect(after(verdict("refused"), verdict("fresh")).state.phase).toBe("loading");
  });

  it.each(["fresh", "snapshot", "gap"] as const)(
    "%s restarts the load within the gateway's window, live or loading",
    (name) => {
      for (const before of [live, [verdict("fresh")], [verdict("fresh"), failed(1)]]) {
        const { state, effects } = after(...before, verdict(name));
        expect(state.phase).toBe("spreading");
        expect(effects).toEqual(
          before.length === 2 && before !== live ? [restarted[0], { kind: "wake", ceilingMs: 1_000 }] : restarted,
        );
        expect(after(...before, verdict(name), woke).effects).toEqual([{ kind: "hold" }, { kind: "load", load: 2 }]);
      }
    },
  );

  it("recovered changes nothing, live or loading", () => {
    expect(after(...live, verdict("recovered")).effects).toEqual([]);
    expect(after(verdict("fresh"), verdict("recovered")).state).toMatchObject({ phase: "loading", load: 1 });
  });

  it("an answer of a load that was given up means nothing", () => {
    const { state, effects } = after(verdict("fresh"), verdict("gap"), loaded(1));
    expect([state.phase, effects]).toEqual(["spreading", []]);
    expect(after(verdict("fresh"), verdict("gap"), woke, loaded(1)).state.phase).toBe("loading");
    expect(after(verdict("fresh"), verdict("gap"), woke, failed(1)).state).toMatchObject({
      phase: "loading",
      failures: 0,
    });
  });

  it("W-26 a failed load is repeated after a growing, bounded wait, and goes on with what was held", () => {
    const inputs: SyncInput[] = [verdict("fresh")];
    const waits: unknown[] = [];
    for (let load = 1; load <= 5; load++) {
      waits.push(after(...inputs, failed(load)).effects);
      inputs.push(failed(load), woke);
      expect(after(...inputs).effects).toEqual([{ kind: "load", load: load + 1 }]);
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 4_000, 4_000].map((ceilingMs) => [{ kind: "wake", ceilingMs }]));
    expect(after(...inputs, loaded(6)).state).toMatchObject({ phase: "live", failures: 0 });
  });

  it("an overflow gives up what is held, waits and begins anew", () => {
    const { state, effects } = after(verdict("fresh"), { type: "overflow" });
    expect(state).toMatchObject({ phase: "spreading", failures: 1 });
    expect(effects).toEqual([{ kind: "drop" }, { kind: "wake", ceilingMs: 1_000 }]);
    expect(after(...live, { type: "overflow" }).effects).toEqual([]);
  });

  it("a reload asked for during a load runs once, after it; otherwise soon", () => {
    const { state, effects } = after(verdict("fresh"), reload, reload, loaded(1));
    expect([state.phase, effects]).toEqual(["loading", [{ kind: "hold" }, { kind: "load", load: 2 }]]);
    expect(after(verdict("fresh"), reload, loaded(1), loaded(2)).state.phase).toBe("live");
    expect(after(...live, reload).effects).toEqual(restarted);
    // A load that has yet to begin will see it.
    expect(after(verdict("fresh"), failed(1), reload).state).toMatchObject({ phase: "retrying", again: false });
  });

  it("shows loading, then live while granted, else stale", () => {
    const shown = (...inputs: readonly SyncInput[]) => syncStatusOf(after(...inputs).state);
    expect(shown()).toBe("loading");
    expect(shown(verdict("fresh"), failed(1))).toBe("loading");
    expect(shown(...live)).toBe("live");
    expect(shown(...live, { type: "lost" })).toBe("stale");
    expect(shown(...live, { type: "lost" }, verdict("recovered"))).toBe("live");
    expect(shown(...live, verdict("gap"))).toBe("stale");
    expect(shown(...live, verdict("gap"), woke, loaded(2))).toBe("live");
    expect(shown(...live, verdict("ended"))).toBe("stale");
    expect(shown(...live, { type: "stop" })).toBe("stale");
  });

  it("nothing follows a stop", () => {
    expect(after(...live, { type: "stop" }).effects).toEqual([{ kind: "drop" }, { kind: "wake", ceilingMs: null }]);
    for (const input of [verdict("gap"), woke, reload, loaded(1)]) {
      expect(after(...live, { type: "stop" }, input).effects).toEqual([]);
    }
  });
});
