// What a client says that is the app's to hear, and what it is answered where nobody here handles it. Pure, as all of the session.
import { type CallFrame, CloseCode, type WireError } from "@trunkline/core/wire";
import { type Draining, type LiveState, type Open, type SessionStep, fatal, send } from "./session-state.ts";

/** Bad messages a link survives (PROTOCOL §3.2). */
const badMessages = 20;

export function onBad(state: LiveState, problem: string): SessionStep {
  const bad = state.bad + 1;
  if (bad > badMessages)
    return fatal(CloseCode.badRequest, "peer.bad-frame", `more than ${badMessages} bad messages, the last: ${problem}`);
  return [{ ...state, bad }, [send({ type: "error", code: "peer.bad-frame", message: problem })]];
}

/** PROTOCOL §3.8: a call of `trunkline.v1`. */
export function onCall(state: Open | Draining, frame: CallFrame): SessionStep {
  return unhandled(state, frame, frame.ref);
}

/** PROTOCOL §10.3, §16.4: text that is no word of the gateway's. */
export function onWords(state: Open | Draining, text: string): SessionStep {
  if (state.dialect === "raw") return [state, [{ kind: "incoming", data: text }]];
  const id = requestId(text);
  if (id !== null) return unhandled(state, text, id);
  const [next, effects] = onBad(state, plainOther);
  return [next, [{ kind: "incoming", data: text }, ...effects]];
}

const plainOther = 'expected the text "pong", or a request with id and action: publish over HTTP';

function unhandled(state: Open | Draining, data: string | CallFrame, ref: number | string): SessionStep {
  const { code } = unknownMethod;
  return [
    state,
    [
      { kind: "incoming", data },
      { kind: "refused", code },
      send({ type: "reply", ref, status: 404, error: unknownMethod }),
    ],
  ];
}

const unknownMethod: WireError = {
  code: "gateway.unknown-method",
  message: "expected something that is handled here, got something that nobody handles; check its name",
};

/** The `id` of a request of the plain dialect, or null for other text. */
function requestId(text: string): number | string | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const { id, action } = value as { readonly id?: unknown; readonly action?: unknown };
  if (typeof action !== "string") return null;
  return typeof id === "string" || typeof id === "number" ? id : null;
}
