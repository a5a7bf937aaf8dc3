// What a connected client asks for by a number of its own, and is answered with it. Pure, as all of the session.
import type { AnswerFrame, HistoryFrame, PresenceFrame, PublishFrame } from "@trunkline/core/wire";
import {
  type Draining,
  type Open,
  type SessionConfig,
  type SessionEffect,
  type SessionStep,
  send,
} from "./session-state.ts";

type Request = PublishFrame | PresenceFrame | HistoryFrame;

/** PROTOCOL §8.5, §13, §14. */
export function onRequest(
  state: Open | Draining,
  frame: Request,
  { pendingPublishes }: Pick<SessionConfig, "pendingPublishes">,
): SessionStep {
  if (state.unansweredRequests < pendingPublishes)
    return [{ ...state, unansweredRequests: state.unansweredRequests + 1 }, [effectOf(frame)]];
  const code = "gateway.limit";
  const message = `expected at most ${pendingPublishes} requests without an answer, got one more; wait for answers`;
  return [state, [{ kind: "refused", code }, send(refusalOf(frame, { code, message }))]];
}

export function onAnswered(state: Open | Draining, answer: AnswerFrame): SessionStep {
  return [{ ...state, unansweredRequests: state.unansweredRequests - 1 }, [send(answer)]];
}

function effectOf(frame: Request): SessionEffect {
  if (frame.type === "publish") return publishEffect(frame);
  const { type, ...request } = frame;
  return { kind: type, ...request } as SessionEffect;
}

/** Fields that are not ours are left out, as everywhere. */
function publishEffect({ ref, event, data, channel, key, id, meta, retryMs }: PublishFrame): SessionEffect {
  const request = {
    event,
    ...(data !== undefined && { data }),
    ...(channel !== undefined && { channel }),
    ...(key !== undefined && { key }),
    ...(id !== undefined && { id }),
    ...(meta !== undefined && { meta }),
  };
  return { kind: "publish", ref, request, retryMs };
}

function refusalOf(frame: Request, error: { readonly code: string; readonly message: string }): AnswerFrame {
  const { type, ref } = frame;
  if (type === "publish") return { type: "published", ref, error };
  if (type === "history") return { type, ref, error };
  return { type, ref, refused: (frame.enter ?? []).map(({ channel }) => ({ channel, error })) };
}
