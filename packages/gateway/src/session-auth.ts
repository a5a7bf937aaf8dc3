// The token of a connection: when it ends, and how a fresh one takes its place. PROTOCOL §2.7. Pure, as all of the session.
import { CloseCode, type WireError } from "@trunkline/core/wire";
import { type Principal, principalKey } from "./auth/principal.ts";
import { reconsider } from "./session-answers.ts";
import {
  type Authenticated,
  type Draining,
  type LiveState,
  type Open,
  type SessionStep,
  fatal,
  send,
} from "./session-state.ts";

/** Most that a connection is told of the end ahead, in milliseconds, and as a part of what was left of the token. */
const noticeMs = 30_000;
const noticePart = 0.1;

/** Until when a connection may stay, by the gateway's clock; `Infinity`: as long as it likes. */
export interface TokenLife {
  /** When the next thing is due: the notice, then the end. */
  readonly dueAt: number;
  readonly endsAt: number;
}

/** Of most connections: one for all of them. */
const unending: TokenLife = { dueAt: Infinity, endsAt: Infinity };

/** The life of a token that was taken at `now`. */
export function lifeOf(endsAt: number, now: number): TokenLife {
  if (endsAt === Infinity) return unending;
  return { dueAt: endsAt - Math.min(noticeMs, (endsAt - now) * noticePart), endsAt };
}

/** When a session has to be looked at again. */
export function nextDue({ dueAt, life, streams }: LiveState): number {
  return Math.min(dueAt, life.dueAt, streams.endsAt);
}

/** What `connected` and `auth` say of it. */
export function remaining({ endsAt }: TokenLife, now: number): { readonly expiresInMs?: number } {
  return endsAt === Infinity ? {} : { expiresInMs: Math.max(0, Math.floor(endsAt - now)) };
}

/** The client asks to go on with a fresh token. */
export function onAuth(state: Open | Draining, token: string): SessionStep {
  if (state.principal?.kind !== "user")
    return denied(
      state,
      "gateway.unsupported",
      "auth: expected a connection that came with a token, got one with none",
    );
  if (state.refreshing)
    return denied(state, "gateway.limit", "auth: expected one at a time, got another before the answer");
  return [{ ...state, refreshing: true }, [{ kind: "authenticate", token }]];
}

/** Whose the fresh token is. */
export function onRefreshed(state: Open | Draining, { principal, endsAt, now }: Authenticated): SessionStep {
  if (!state.refreshing || state.principal === null) return [state, []];
  if (endsAt <= now) return onNotRefreshed(state, ended);
  if (!isSame(principal, state.principal))
    return onNotRefreshed(state, { code: "", message: "expected a token of the same principal, got one of another" });
  const life = lifeOf(endsAt, now);
  const [next, asked] = reconsider({ ...state, principal, life, refreshing: false });
  return [next, [send({ type: "auth", ...remaining(life, now) }), ...asked]];
}

/** The old token goes on, so nothing but this is said: whatever the reason, the client acts on one code. */
export function onNotRefreshed(state: Open | Draining, { message }: WireError): SessionStep {
  return state.refreshing
    ? denied({ ...state, refreshing: false }, "gateway.unauthorized", `auth: ${message}`)
    : [state, []];
}

/** The token is over. */
export function expired(): SessionStep {
  return fatal(CloseCode.unauthorized, "gateway.unauthorized", ended.message);
}

const ended: WireError = { code: "", message: "expected a token that is still good, got one that has ended" };

/** The notice, once per token. */
export function onNotice(state: Open | Draining, now: number, spreadMs: number): SessionStep {
  const { endsAt } = state.life;
  // Half of what is left is for getting there.
  const within = Math.max(0, Math.min(spreadMs, Math.floor((endsAt - now) / 2)));
  return [
    { ...state, phase: "draining", life: { dueAt: endsAt, endsAt } },
    [send({ type: "drain", spreadMs: within })],
  ];
}

function isSame(one: Principal, other: Principal): boolean {
  return one.kind === other.kind && one.account === other.account && principalKey(one) === principalKey(other);
}

function denied(state: Open | Draining, code: string, message: string): SessionStep {
  return [state, [{ kind: "refused", code }, send({ type: "error", code, message })]];
}
