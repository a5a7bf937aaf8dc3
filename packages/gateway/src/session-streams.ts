// Which streams a connection is on, which it asks for, and what it is answered. Pure.
import { type Position, type StreamRequest, type Verdict, channelProblem } from "@trunkline/core/wire";

export interface Streams {
  /** Channels the connection is on. */
  readonly on: ReadonlyMap<string, Grant>;
  /** When the first of them may end; not later than it does. */
  readonly endsAt: number;
  /** Channels that wait for the authorizer's answer, as they were asked for last; null when there are none. */
  readonly waiting: ReadonlyMap<string, StreamRequest> | null;
  /**
   * Channels that the authorizer was asked about and has not answered, those left meanwhile included, with the token it was
   * shown; null when there are none.
   */
  readonly undecided: ReadonlyMap<string, string | undefined> | null;
  /** Positions that `hello` named and no stream has taken up (PROTOCOL §5.4); null when there are none. */
  readonly offered: ReadonlyMap<string, Position> | null;
  /** The one channel that the link can carry (PROTOCOL §11.1); null when it carries any. */
  readonly only: string | null;
}

/** How a connection came to a channel. */
interface Grant {
  /** The permission that its client brought. */
  readonly token?: string | undefined;
  /** By the gateway's clock; `Infinity`: not by itself. */
  readonly endsAt: number;
}
const unending: Grant = { endsAt: Infinity };

export const noStreams: Streams = {
  on: new Map(),
  endsAt: Infinity,
  waiting: null,
  undecided: null,
  offered: null,
  only: null,
};

type StreamAnswer =
  | { readonly kind: "authorize"; readonly channel: string; readonly token: string | undefined }
  | { readonly kind: "join"; readonly channel: string; readonly position: Position | undefined }
  | { readonly kind: "leave"; readonly channel: string }
  | { readonly kind: "verdict"; readonly verdict: Verdict };

type Answered = readonly [next: Streams, answers: readonly StreamAnswer[]];

/** PROTOCOL §5.3, §5.6: one answer per asked channel, now or when its authorizer has decided. */
export function answerSubscribe(
  streams: Streams,
  asked: readonly StreamRequest[],
  { canSubscribe, subscriptions }: { readonly canSubscribe: boolean; readonly subscriptions: number },
): Answered {
  const waiting = new Map(streams.waiting);
  const undecided = new Map(streams.undecided);
  const requests = new Map(asked.map((request) => [request.channel, request]));
  const answers = [...requests.values()].map<StreamAnswer | null>((request) => {
    const { channel, position, token } = request;
    const grant = streams.on.get(channel);
    // Another permission may last longer than the one that ends.
    const renews = grant !== undefined && grant.endsAt < Infinity && token !== undefined && token !== grant.token;
    if (grant !== undefined && !renews) return { kind: "join", channel, position };
    const problem = channelProblem(channel);
    if (problem !== null) return refused(channel, "gateway.bad-request", `channel: ${problem}`);
    if (!canSubscribe) return forbidden(channel);
    const pending = undecided.has(channel);
    if (!pending && !renews && streams.on.size + undecided.size >= subscriptions) {
      return refused(
        channel,
        "gateway.limit",
        `expected at most ${subscriptions} subscriptions, got one more; unsubscribe first`,
      );
    }
    waiting.set(channel, request);
    // The answer that is on its way serves both, or this one's turn comes after it.
    if (pending) return null;
    undecided.set(channel, token);
    return { kind: "authorize", channel, token };
  });
  const next = waiting.size === 0 ? streams : { ...streams, waiting, undecided };
  return [next, answers.filter((answer) => answer !== null)];
}

/** An authorizer's answer. */
export interface Decision {
  readonly channel: string;
  readonly allowed: boolean;
  /** When the permission ends, by the gateway's clock. @defaultValue never */
  readonly endsAt?: number;
}

/** Many at once, so that who asks for a thousand streams is not copied a thousand times. Nothing where the client has left meanwhile. */
export function authorized(streams: Streams, decisions: readonly Decision[]): Answered {
  const undecided = new Map(streams.undecided);
  if (!decisions.some(({ channel }) => undecided.has(channel))) return [streams, []];
  const on = new Map(streams.on);
  const answers: StreamAnswer[] = [];
  const done: string[] = [];
  for (const { channel, allowed, endsAt = Infinity } of decisions) {
    if (!undecided.has(channel)) continue;
    const request = streams.waiting?.get(channel);
    const shown = undecided.get(channel);
    if (request !== undefined && request.token !== shown) {
      undecided.set(channel, request.token);
      answers.push({ kind: "authorize", channel, token: request.token });
      continue;
    }
    undecided.delete(channel);
    done.push(channel);
    if (request === undefined) continue;
    if (allowed) {
      on.set(channel, endsAt === Infinity ? unending : { token: shown, endsAt });
      answers.push({ kind: "join", channel, position: request.position });
    } else {
      // Another permission took the place of the one that let it in.
      if (on.delete(channel)) answers.push({ kind: "leave", channel });
      answers.push(forbidden(channel));
    }
  }
  const next = { ...without(streams, done), on, undecided: undecided.size === 0 ? null : undecided };
  return [{ ...next, endsAt: firstEnd(on) }, answers];
}

/** What a client leaves that leaves everything. */
export function everyChannel({ on, waiting }: Streams): readonly string[] {
  return [...on.keys(), ...(waiting?.keys() ?? [])];
}

/** The client leaves channels; silent where it is not subscribed. */
export function leave(streams: Streams, channels: readonly string[]): Answered {
  const on = new Map(streams.on);
  const next = without(streams, channels);
  const answers: StreamAnswer[] = [];
  for (const channel of channels) if (on.delete(channel)) answers.push({ kind: "leave", channel });
  return [answers.length === 0 ? next : { ...next, on }, answers];
}

/**
 * Gateway code puts the connection on a channel; from the position that `hello` named for it, if it did. Nothing where the link
 * can't carry it.
 */
export function putOn(streams: Streams, channel: string): Answered {
  if (streams.on.has(channel) || (streams.only ?? channel) !== channel) return [streams, []];
  const position = streams.waiting?.get(channel)?.position ?? streams.offered?.get(channel);
  const next = without(streams, [channel]);
  return [{ ...next, on: new Map(next.on).set(channel, unending) }, [{ kind: "join", channel, position }]];
}

/** Time has passed: permissions end. */
export function endGrants(streams: Streams, now: number): Answered {
  const ended = [...streams.on].flatMap(([channel, { endsAt }]) => (endsAt <= now ? [channel] : []));
  const [next, answers] = takeOff(streams, ended);
  return [{ ...next, endsAt: firstEnd(next.on) }, answers];
}

/** Gateway code takes the connection off channels: the client is told `ended`. */
export function takeOff(streams: Streams, channels: readonly string[]): Answered {
  const on = new Map(streams.on);
  const answers = channels.flatMap<StreamAnswer>((channel) => {
    if (on.delete(channel))
      return [
        { kind: "leave", channel },
        { kind: "verdict", verdict: { channel, verdict: "ended" } },
      ];
    return streams.waiting?.has(channel) === true ? [forbidden(channel)] : [];
  });
  return [answers.length === 0 ? streams : { ...without(streams, channels), on }, answers];
}

/** `streams` once these channels have been given their verdicts: their offered positions are taken up. */
export function taken(streams: Streams, channels: Iterable<string>): Streams {
  if (streams.offered === null) return streams;
  const offered = new Map(streams.offered);
  for (const channel of channels) offered.delete(channel);
  return { ...streams, offered: offered.size === 0 ? null : offered };
}

function firstEnd(on: Streams["on"]): number {
  let first = Infinity;
  for (const { endsAt } of on.values()) first = Math.min(first, endsAt);
  return first;
}

/** Whether the one channel that the link was opened for is neither on nor being decided. */
export function isBarred({ only, on, waiting }: Streams): boolean {
  return only !== null && !on.has(only) && waiting === null;
}

function without(streams: Streams, channels: readonly string[]): Streams {
  const waiting = new Map(streams.waiting);
  if (channels.filter((channel) => waiting.delete(channel)).length === 0) return streams;
  return { ...streams, waiting: waiting.size === 0 ? null : waiting };
}

function refused(channel: string, code: string, message: string): StreamAnswer {
  return { kind: "verdict", verdict: { channel, verdict: "refused", error: { code, message } } };
}

/** The same words whether the channel is forbidden, unknown or nobody was asked: the answer must not tell them apart. */
function forbidden(channel: string): StreamAnswer {
  return refused(channel, "gateway.forbidden", "this connection may not listen to this channel");
}
