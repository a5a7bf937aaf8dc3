// When a view is loaded, and when it has to be loaded again. DESIGN §5, "Snapshot joined to stream". Pure: which account of
// an item counts is the item table's to say, loads and timers are the driver's.
import type { Verdict } from "../wire/frame.ts";
import type { Backoff } from "./backoff.ts";

type SyncPhase =
  /** No position is fixed: the channel has no verdict yet. */
  | "positioning"
  /** Something was missed; the timer says when the load begins. Nothing is held: that load covers it. */
  | "spreading"
  /** A load is under way, changes are held. */
  | "loading"
  /** A load failed; the timer says when the next begins. Changes are still held, so it may go on from the same position. */
  | "retrying"
  | "live"
  | "stopped";

export interface SyncState {
  readonly phase: SyncPhase;
  /** Number of the newest load: what an older one answers means nothing. */
  readonly load: number;
  /** Loads that failed since one was joined. */
  readonly failures: number;
  /** The load under way may have begun too early to have seen what it was asked for again for. */
  readonly again: boolean;
  /** The gateway sends what happens in the channel. */
  readonly granted: boolean;
  /** A load was joined at least once. */
  readonly loaded: boolean;
}

export type SyncInput =
  /** `spreadMs`: within how long clients may come back that have missed something at the same time. */
  | { readonly type: "verdict"; readonly verdict: Verdict["verdict"]; readonly spreadMs: number }
  /** The link is gone: a verdict will say what that meant. */
  | { readonly type: "lost" }
  /** The source changed in a way that only a load can tell. */
  | { readonly type: "reload"; readonly spreadMs: number }
  /** More is held than may be. */
  | { readonly type: "overflow" }
  | { readonly type: "loaded" | "failed"; readonly load: number }
  | { readonly type: "woke" }
  | { readonly type: "stop" };

export type SyncEffect =
  /** Give up the load under way and what is held: something was missed. */
  | { readonly kind: "drop" }
  /** Hold what comes from here on. */
  | { readonly kind: "hold" }
  | { readonly kind: "load"; readonly load: number }
  /** Replaces the one timer by a random part of `ceilingMs`; null clears it. */
  | { readonly kind: "wake"; readonly ceilingMs: number | null };

export type SyncStep = readonly [next: SyncState, effects: readonly SyncEffect[]];

/** What a user interface may show: nothing yet · all there is · what was last known, while it is being repaired. */
export type SyncStatus = "loading" | "live" | "stale";

export const firstSyncState: SyncState = {
  phase: "positioning",
  load: 0,
  failures: 0,
  again: false,
  granted: false,
  loaded: false,
};

export function syncStatusOf({ phase, granted, loaded }: SyncState): SyncStatus {
  if (!loaded) return "loading";
  return phase === "live" && granted ? "live" : "stale";
}

/** Total: an input that means nothing in a phase changes nothing. */
export function step(state: SyncState, input: SyncInput, backoff: Backoff): SyncStep {
  const { phase } = state;
  if (phase === "stopped") return [state, []];
  switch (input.type) {
    case "verdict":
      return onVerdict(state, input.verdict, Math.max(input.spreadMs, penalty(state, backoff)));
    case "lost":
      return [{ ...state, granted: false }, []];
    case "reload":
      if (phase === "loading") return [{ ...state, again: true }, []];
      return phase === "live" ? restart(state, input.spreadMs) : [state, []];
    case "overflow": {
      const next = { ...state, failures: state.failures + 1 };
      return phase === "loading" || phase === "retrying" ? restart(next, penalty(next, backoff)) : [state, []];
    }
    case "loaded":
      if (phase !== "loading" || input.load !== state.load) return [state, []];
      return begin({ ...state, phase: "live", failures: 0, loaded: true }, state.again);
    case "failed": {
      if (phase !== "loading" || input.load !== state.load) return [state, []];
      const next: SyncState = { ...state, phase: "retrying", failures: state.failures + 1 };
      return [next, [{ kind: "wake", ceilingMs: penalty(next, backoff) }]];
    }
    case "woke":
      return begin(state, phase === "spreading" || phase === "retrying");
    case "stop":
      return [{ ...state, phase: "stopped", granted: false }, [{ kind: "drop" }, { kind: "wake", ceilingMs: null }]];
  }
}

function onVerdict(state: SyncState, verdict: Verdict["verdict"], spreadMs: number): SyncStep {
  const next = { ...state, granted: verdict !== "refused" && verdict !== "ended" };
  // What a refusal made us miss is told by the verdict that ends it.
  if (!next.granted) return [next, []];
  if (state.phase === "positioning") return begin(next, true);
  // A `fresh` one here follows a position that was given up: nobody says what came between.
  return verdict === "recovered" ? [next, []] : restart(next, spreadMs);
}

/** The ceiling of the wait that the failures so far call for. */
function penalty({ failures }: SyncState, backoff: Backoff): number {
  return failures && backoff(failures - 1);
}

/** Not at once: all clients of a stream may have missed it together. */
function restart(state: SyncState, ceilingMs: number): SyncStep {
  return [{ ...state, phase: "spreading", again: false }, [{ kind: "drop" }, { kind: "wake", ceilingMs }]];
}

/** The next load, if it is `due`; one that follows a failure goes on with what is held. */
function begin(state: SyncState, due: boolean): SyncStep {
  if (!due) return [state, []];
  const load = state.load + 1;
  const hold: readonly SyncEffect[] = state.phase === "retrying" ? [] : [{ kind: "hold" }];
  return [{ ...state, phase: "loading", load, again: false }, [...hold, { kind: "load", load }]];
}
