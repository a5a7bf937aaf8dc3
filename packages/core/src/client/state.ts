// What the client machine is made of: states, inputs and effects, all plain data, so that whole sessions can be written
// down as JSON (test/vectors/sessions).
import type { ErrorCode } from "../errors.ts";
import type { ClientFrame, EventFrame, GatewayFrame } from "../wire/frame.ts";
import type { Backoff } from "./backoff.ts";

export type Phase =
  /** Never started. */
  | "idle"
  /** Waiting for the token. */
  | "authorizing"
  /** The handshake is under way. */
  | "connecting"
  /** The link is open, `connected` has not come. */
  | "greeting"
  | "ready"
  /** Connected, and asked to leave: the timer says when. */
  | "draining"
  /** Closing the link politely, for good. */
  | "closing"
  /** No link; the timer says when to try again. */
  | "waiting"
  /** By `close`, or because the gateway refused for good. */
  | "closed";

/** One flat record, because the phase alone decides: the rest is only read where the phase gives it a meaning. */
export interface State {
  readonly phase: Phase;
  /** Number of the newest attempt: what comes from an older one means nothing. */
  readonly link: number;
  /** Number of the link that goes on until the newest is connected (make before break, PROTOCOL §7.4); 0: none. */
  readonly old: number;
  /** Attempts since a link last held, which decides the next wait. */
  readonly attempt: number;
  /** A fresh token was asked for since a link last held. */
  readonly refreshed: boolean;
  /** Connected at least once since `connect`. */
  readonly met: boolean;
  /** As the gateway last said; 0: it never pings, so silence means nothing. */
  readonly heartbeatMs: number;
  readonly spreadMs: number;
  /** A `ping` of ours is unanswered. */
  readonly probing: boolean;
}

/** What happens to a client. Frames of the gateway are inputs as they are, read from the newest link only. */
export type Input =
  | Exclude<GatewayFrame, EventFrame>
  | { readonly type: "connect" }
  /** `timeoutMs`: how long the peer may take to answer. */
  | { readonly type: "close"; readonly timeoutMs: number }
  /** The token of attempt `link` is there. It stays with the driver: no secret enters the machine. */
  | { readonly type: "token"; readonly link: number }
  | { readonly type: "opened"; readonly link: number }
  /** The link is gone, or there is no token to open it with. `upMs`: how long it had been connected. */
  | {
      readonly type: "closed";
      readonly link: number;
      readonly code: number;
      readonly reason: string;
      readonly upMs: number;
    }
  /**
   * The timer. `heard`: a frame came since it was set; `lateMs`: how much later than asked it fired; `quietMs` (absent: 0): for
   * at least how long no frame had come.
   */
  | {
      readonly type: "woke";
      readonly heard: boolean;
      readonly lateMs: number;
      readonly upMs: number;
      readonly quietMs?: number;
    };

/** What the driver does, in order. */
export type Effect =
  | { readonly kind: "get-token"; readonly link: number; readonly fresh: boolean }
  | { readonly kind: "dial"; readonly link: number }
  /** Introduce yourself, naming every stream with its position (PROTOCOL §7.5). */
  | { readonly kind: "greet" }
  | { readonly kind: "send"; readonly frame: ClientFrame }
  | { readonly kind: "hang-up" }
  /** The link becomes the old one: it goes on being read, and is what `send` uses, until `leave`. */
  | { readonly kind: "set-aside" }
  /** Close the old link politely; from here on it means nothing. */
  | { readonly kind: "leave" }
  /** Drop the link, if there is one that is not gone. */
  | { readonly kind: "terminate" }
  /** Replaces the one timer; null clears it. */
  | { readonly kind: "wake"; readonly afterMs: number | null }
  /** Replaces the one timer by a random part of `ceilingMs`. `lost`: why, when a link was lost. */
  | { readonly kind: "retry"; readonly ceilingMs: number; readonly lost?: string }
  /** It is over: tell the user why. */
  | { readonly kind: "fail"; readonly code: ErrorCode; readonly reason: string };

export type Step = readonly [next: State, effects: readonly Effect[]];

export interface SessionConfig {
  /** For the token, and again for the handshake; 0: no limit. */
  readonly connectTimeoutMs: number;
  /** From the open link to `connected`; 0: no limit; null: what is left of `connectTimeoutMs`. */
  readonly greetTimeoutMs: number | null;
  /** Silence allowed beyond the gateway's heartbeat interval. */
  readonly heartbeatGraceMs: number;
  /** Present when there is one to ask for a fresh token. */
  readonly getToken?: unknown;
  readonly backoff: Backoff;
}

export const firstState: State = {
  phase: "idle",
  link: 0,
  old: 0,
  attempt: 0,
  refreshed: false,
  met: false,
  heartbeatMs: 0,
  spreadMs: 0,
  probing: false,
};

/** What people see. `reconnecting` only after it was `connected` once. */
export type Status = "disconnected" | "connecting" | "connected" | "reconnecting";

export function statusOf({ phase, met, link, old }: State): Status {
  if (activeLink({ phase, link, old }) > 0) return "connected";
  if (phase === "idle" || phase === "closing" || phase === "closed") return "disconnected";
  return met ? "reconnecting" : "connecting";
}

/** The timer, or none for 0. */
export function wake(afterMs: number): Effect {
  return { kind: "wake", afterMs: afterMs || null };
}

/** Number of the link whose events count: `connected` came on it, and on none after it. 0: there is none. */
export function activeLink({ phase, link, old }: Pick<State, "phase" | "link" | "old">): number {
  return phase === "ready" || phase === "draining" ? link : old;
}

/** Lets go of the old link, if there is one. */
export function leave({ old }: State): readonly Effect[] {
  return old ? [{ kind: "leave" }] : [];
}
