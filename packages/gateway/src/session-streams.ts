// Which streams a connection is on, which it asks for, and what it is answered. Pure.
import { type Position, type StreamRequest, type Verdict, channelProblem } from "@trunkline/core/wire";

export interface Streams {
  /** Channels the connection is on. */
  readonly on: ReadonlyMap<string, true>;
  /** Channels that wait for the authorizer's answer, with the position to start from; null when there are none. */
  readonly waiting: ReadonlyMap<string, Position | undefined> | null;
  /** Channels that the authorizer was asked about and has not answered, those left meanwhile included; null when there are none. */
  readonly undecided: ReadonlySet<string> | null;
  /** Positions that `hello` named and no stream has taken up (PROTOCOL §5.4); null when there are none. */
  readonly offered: ReadonlyMap<string, Position> | null;
  /** The one channel that the link can carry (PROTOCOL §11.1); null when it carries any. */
  readonly only: string | null;
}

export const noStreams: Streams = { on: new Map(), waiting: null, undecided: null, offered: null, only: null };

type StreamAnswer =
  | { readonly kind: "authorize"; readonly channel: string }
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
  const undecided = new Set(streams.undecided);
  const channels = new Map(asked.map(({ channel, position }) => [channel, position]));
  const answers = [...channels].map<StreamAnswer | null>(([channel, position]) => {
    if (streams.on.has(channel)) return { kind: "join", channel, position };
    const problem = channelProblem(channel);
    if (problem !== null) return refused(channel, "gateway.bad-request", `channel: ${problem}`);
    if (!canSubscribe) return forbidden(channel);
    const pending = undecided.has(channel);
    if (!pending && streams.on.size + undecided.size >= subscriptions) {
      return refused(
        channel,
        "gateway.limit",
        `expected at most ${subscriptions} subscriptions, got one more; unsubscribe first`,
      );
    }
    waiting.set(channel, position);
    undecided.add(channel);
    // The answer that is on its way serves both.
    return pending ? null : { kind: "authorize", channel };
  });
  const next = waiting.size === 0 ? streams : { ...streams, waiting, undecided };
  return [next, answers.filter((answer) => answer !== null)];
}

/** An authorizer's answer. */
export interface Decision {
  readonly channel: string;
  readonly allowed: boolean;
}

/** Many at once, so that who asks for a thousand streams is not copied a thousand times. Nothing where the client has left meanwhile. */
export function authorized(streams: Streams, decisions: readonly Decision[]): Answered {
  const undecided = new Set(streams.undecided);
  const decided = decisions.filter(({ channel }) => undecided.delete(channel));
  if (decided.length === 0) return [streams, []];
  const on = new Map(streams.on);
  const answers: StreamAnswer[] = [];
  for (const { channel, allowed } of decided) {
    if (streams.waiting?.has(channel) !== true) continue;
    if (allowed) on.set(channel, true);
    answers.push(allowed ? { kind: "join", channel, position: streams.waiting.get(channel) } : forbidden(channel));
  }
  const names = decided.map(({ channel }) => channel);
  return [{ ...without(streams, names), on, undecided: undecided.size === 0 ? null : undecided }, answers];
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
  const position = streams.waiting?.get(channel) ?? streams.offered?.get(channel);
  const next = without(streams, [channel]);
  return [{ ...next, on: new Map(next.on).set(channel, true) }, [{ kind: "join", channel, position }]];
}

/** Gateway code takes the connection off a channel: the client is told `ended`. */
export function takeOff(streams: Streams, channel: string): Answered {
  const next = without(streams, [channel]);
  if (!next.on.has(channel)) return [next, next === streams ? [] : [forbidden(channel)]];
  const on = new Map(next.on);
  on.delete(channel);
  return [
    { ...next, on },
    [
      { kind: "leave", channel },
      { kind: "verdict", verdict: { channel, verdict: "ended" } },
    ],
  ];
}

/** `streams` once these channels have been given their verdicts: their offered positions are taken up. */
export function taken(streams: Streams, channels: Iterable<string>): Streams {
  if (streams.offered === null) return streams;
  const offered = new Map(streams.offered);
  for (const channel of channels) offered.delete(channel);
  return { ...streams, offered: offered.size === 0 ? null : offered };
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
