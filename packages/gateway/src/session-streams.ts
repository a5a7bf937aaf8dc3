// Which streams a connection is on, which it asks for, and what it is answered. Pure.
import type { Position, StreamRequest, Verdict } from "@trunkline/core/wire";
import { companionsOf } from "./presence/companions.ts";
import { grantProblem } from "./channel-grant.ts";
import type { SourceChannels } from "./subscription-source.ts";

/** Who put a connection on a channel; several may have, so these are bits. */
const GrantedBy = { source: 1, code: 2, authorizer: 4, registry: 8 } as const;

export interface Streams {
  /** Channels the connection is on. */
  readonly on: ReadonlyMap<string, Grant>;
  /** What the sources said last, whether the connection is still on all of it or not. */
  readonly sourced: readonly string[];
  /** What the registry of pages said last, likewise. */
  readonly registered: readonly string[];
  /** Counts how often all that was granted was asked about anew; answers to earlier questions mean nothing. */
  readonly turn: number;
  /** Channels it is on that the authorizer is asked about anew; null when there are none. */
  readonly rechecked: ReadonlySet<string> | null;
  /** When the first of them may end; not later than it does. */
  readonly endsAt: number;
  /** Channels that wait for the authorizer's answer, as they were asked for last; null when there are none. */
  readonly waiting: ReadonlyMap<string, StreamRequest> | null;
  /**
   * Channels that the authorizer was asked about and has not answered, those left meanwhile included, with the token it was
   * shown, or null where its answer counts for nothing any more; null when there are none.
   */
  readonly undecided: ReadonlyMap<string, string | undefined | null> | null;
  /** Positions that `hello` named and no stream has taken up (PROTOCOL §5.4); null when there are none. */
  readonly offered: ReadonlyMap<string, Position> | null;
  /** The one channel that the link can carry (PROTOCOL §11.1); null when it carries any. */
  readonly only: string | null;
}

/** How a connection came to a channel. */
interface Grant {
  /** The sum of those who put it there. */
  readonly by: number;
  /** The permission that its client brought. */
  readonly token?: string | undefined;
  /** When the authorizer's part of it ends, by the gateway's clock; `Infinity`: not by itself. */
  readonly endsAt: number;
}

/** One for all: most grants are alike, and there is at least one per connection. */
const lastingGrants = Array.from({ length: 16 }, (_, by): Grant => ({ by, endsAt: Infinity }));

function lasting(by: number): Grant {
  return lastingGrants[by] as Grant;
}

export const noStreams: Streams = {
  on: new Map(),
  sourced: [],
  registered: [],
  turn: 0,
  rechecked: null,
  endsAt: Infinity,
  waiting: null,
  undecided: null,
  offered: null,
  only: null,
};

/** Where somebody begins on a stream: from a position, or else with `rewind` events, or else from now on. */
export interface StreamStart {
  readonly channel: string;
  readonly position: Position | undefined;
  readonly rewind?: number | undefined;
}

type StreamAnswer =
  | Question
  | ({ readonly kind: "join" } & StreamStart)
  | { readonly kind: "leave"; readonly channel: string }
  | { readonly kind: "verdict"; readonly verdict: Verdict };

/** Asks the authorizer. `again`: about a channel that it is on. */
export interface Question {
  readonly kind: "authorize";
  readonly channel: string;
  readonly token: string | undefined;
  readonly turn: number;
  readonly again?: boolean;
}

export type Answered = readonly [next: Streams, answers: readonly StreamAnswer[]];

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
    const { channel, token } = request;
    const grant = streams.on.get(channel);
    // Another permission may last longer than the one that ends.
    const renews = grant !== undefined && grant.endsAt < Infinity && token !== undefined && token !== grant.token;
    if (grant !== undefined && !renews) return joinAs(request);
    const problem = grantProblem(channel);
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
    return { kind: "authorize", channel, token, turn: streams.turn };
  });
  const next = waiting.size === 0 ? streams : { ...streams, waiting, undecided };
  return [next, answers.filter((answer) => answer !== null)];
}

/** An authorizer's answer. */
export interface Decision {
  readonly channel: string;
  readonly allowed: boolean;
  /** Of the question. */
  readonly turn: number;
  /** When the permission ends, by the gateway's clock. @defaultValue never */
  readonly endsAt?: number;
  /** A yes only for who is on this channel, too: whoever has left it meanwhile is asked about anew. */
  readonly beside?: string;
}

/** Many at once, so that who asks for a thousand streams is not copied a thousand times. Nothing where the client has left meanwhile. */
export function authorized(streams: Streams, decisions: readonly Decision[]): Answered {
  const undecided = new Map(streams.undecided);
  const rechecked = new Set(streams.rechecked);
  const current = decisions.filter(
    ({ channel, turn }) => turn === streams.turn && (undecided.has(channel) || rechecked.has(channel)),
  );
  if (current.length === 0) return [streams, []];
  const on = new Map(streams.on);
  const answers: StreamAnswer[] = [];
  const done: string[] = [];
  for (const { channel, allowed, endsAt = Infinity, beside = channel } of current) {
    const grant = on.get(channel);
    const request = streams.waiting?.get(channel);
    const awaits = request !== undefined || (grant !== undefined && rechecked.has(channel));
    if (allowed && awaits && beside !== channel && !on.has(beside)) {
      const { token } = request ?? grant ?? {};
      if (undecided.has(channel)) undecided.set(channel, token);
      answers.push({
        kind: "authorize",
        channel,
        token,
        turn: streams.turn,
        ...(grant !== undefined && { again: true }),
      });
      continue;
    }
    if (rechecked.delete(channel) && grant !== undefined) {
      if (!allowed) answers.push(...ungrant(on, channel, GrantedBy.authorizer));
      else if ((grant.by & GrantedBy.authorizer) !== 0) on.set(channel, { ...grant, endsAt });
    }
    if (!undecided.has(channel)) continue;
    const shown = undecided.get(channel);
    if (request !== undefined && request.token !== shown) {
      undecided.set(channel, request.token);
      answers.push({ kind: "authorize", channel, token: request.token, turn: streams.turn });
      continue;
    }
    undecided.delete(channel);
    done.push(channel);
    if (request === undefined) continue;
    if (allowed) {
      on.set(channel, { by: (grant?.by ?? 0) | GrantedBy.authorizer, token: request.token, endsAt });
      answers.push(joinAs(request));
      continue;
    }
    // Another permission took the place of the one that let it in.
    const [left] = grant === undefined ? [] : ungrant(on, channel, GrantedBy.authorizer);
    if (left !== undefined) answers.push(left);
    answers.push(on.has(channel) ? joinAs(request) : forbidden(channel));
  }
  const next = {
    ...without(streams, done),
    on,
    endsAt: firstEnd(on),
    rechecked: rechecked.size === 0 ? null : rechecked,
  };
  return [{ ...next, undecided: undecided.size === 0 ? null : undecided }, answers];
}

/**
 * What the client was granted by the authorizer, and what it waits for, is asked about anew; what an earlier question is answered
 * means nothing any more.
 */
export function recheck(streams: Streams): Answered {
  const turn = streams.turn + 1;
  const undecided = new Map([...(streams.waiting ?? [])].map(([channel, { token }]) => [channel, token]));
  const rechecked = new Set<string>();
  const answers = [...undecided].map<StreamAnswer>(([channel, token]) => {
    return { kind: "authorize", channel, token, turn, ...(streams.on.has(channel) && { again: true }) };
  });
  for (const [channel, { by, token }] of streams.on) {
    if ((by & GrantedBy.authorizer) === 0 || undecided.has(channel)) continue;
    rechecked.add(channel);
    answers.push({ kind: "authorize", channel, token, turn, again: true });
  }
  const next = { ...streams, turn, undecided: undecided.size === 0 ? null : undecided };
  return [{ ...next, rechecked: rechecked.size === 0 ? null : rechecked }, answers];
}

/** The sources name the channels of the connection: what is new is put on, what they name no more is taken off. */
export function source(streams: Streams, channels: SourceChannels): Answered {
  const [next, answers] = named(streams, channels, streams.sourced, GrantedBy.source);
  return [{ ...next, sourced: [...channels.keys()] }, answers];
}

/** The registry of pages names them, likewise. */
export function register(streams: Streams, channels: SourceChannels): Answered {
  const [next, answers] = named(streams, channels, streams.registered, GrantedBy.registry);
  return [{ ...next, registered: [...channels.keys()] }, answers];
}

/** @param last what was named before */
function named(streams: Streams, channels: SourceChannels, last: readonly string[], by: number): Answered {
  const on = new Map(streams.on);
  const before = new Set(last);
  const gone = last.filter((channel) => !channels.has(channel));
  const answers = gone.flatMap((channel) => ungrant(on, channel, by));
  // Whoever left one that was granted before, or was taken off it, stays off.
  const added = [...channels.keys()].filter((channel) => !before.has(channel));
  const offered = withOffers(streams.offered, added, channels);
  const [next, joins] = putOnAll({ ...streams, on, offered }, added, by);
  return [next, [...answers, ...joins]];
}

/** What the client named itself counts before what a source says. */
function withOffers(
  offered: Streams["offered"],
  added: readonly string[],
  channels: SourceChannels,
): Streams["offered"] {
  const named = added.flatMap((channel) => {
    const position = channels.get(channel);
    return position === undefined ? [] : [[channel, position] as const];
  });
  return named.length === 0 ? offered : new Map([...named, ...(offered ?? [])]);
}

/** Takes one of those back who put a connection on a channel; it is taken off with the last one. */
function ungrant(on: Map<string, Grant>, channel: string, by: number): readonly StreamAnswer[] {
  const grant = on.get(channel);
  if (grant === undefined) return [];
  const left = grant.by & ~by;
  if (left === 0) {
    on.delete(channel);
    return ended(channel);
  }
  on.set(channel, by === GrantedBy.authorizer ? lasting(left) : { ...grant, by: left });
  return [];
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
  let { endsAt } = next;
  for (const channel of channels) {
    const grant = on.get(channel);
    if (grant === undefined) continue;
    on.delete(channel);
    answers.push({ kind: "leave", channel });
    if (grant.endsAt < Infinity) endsAt = Math.min(endsAt, endWith(on, companionsOf(channel), grant.endsAt));
  }
  return [answers.length === 0 ? next : { ...next, on, endsAt }, answers];
}

/** Who watches a channel may do so while it may listen to it, whether it does or not. The time when the first of `channels` ends. */
function endWith(on: Map<string, Grant>, channels: readonly string[], endsAt: number): number {
  const watched = channels.filter((channel) => on.has(channel));
  for (const channel of watched) {
    const grant = on.get(channel) as Grant;
    on.set(channel, { ...grant, endsAt: Math.min(grant.endsAt, endsAt) });
  }
  return watched.length === 0 ? Infinity : endsAt;
}

/** Gateway code puts the connection on a channel. */
export function putOn(streams: Streams, channel: string): Answered {
  return putOnAll(streams, [channel], GrantedBy.code);
}

/** From the positions that `hello` named for them, if it did. Nothing where the link can't carry it. */
function putOnAll(streams: Streams, channels: readonly string[], by: number): Answered {
  const on = new Map(streams.on);
  const added: string[] = [];
  let changed = false;
  for (const channel of channels) {
    const before = on.get(channel);
    if ((streams.only ?? channel) !== channel || ((before?.by ?? 0) & by) !== 0) continue;
    on.set(channel, before === undefined ? lasting(by) : { ...before, by: before.by | by });
    if (before === undefined) added.push(channel);
    changed = true;
  }
  const { waiting, offered } = streams;
  const joins = added.map<StreamAnswer>((channel) => {
    const asked = waiting?.get(channel);
    return { ...joinAs({ ...asked, channel }), position: asked?.position ?? offered?.get(channel) };
  });
  return [changed ? { ...without(streams, added), on } : streams, joins];
}

/** Time has passed: permissions end. */
export function endGrants(streams: Streams, now: number): Answered {
  const on = new Map(streams.on);
  const over = [...streams.on].filter(([, { endsAt }]) => endsAt <= now).map(([channel]) => channel);
  const answers = over.flatMap((channel) => ungrant(on, channel, GrantedBy.authorizer));
  const off = over.filter((channel) => !on.has(channel));
  return [{ ...without(streams, off), on, endsAt: firstEnd(on) }, answers];
}

/** Gateway code takes the connection off channels, whoever put it there: the client is told `ended`. */
export function takeOff(streams: Streams, channels: readonly string[]): Answered {
  const on = new Map(streams.on);
  const answers = channels.flatMap<StreamAnswer>((channel) => {
    if (on.delete(channel)) return ended(channel);
    return streams.waiting?.has(channel) === true ? [forbidden(channel)] : [];
  });
  const next = disregard(streams, channels);
  return [answers.length === 0 ? next : { ...without(next, channels), on }, answers];
}

/** What the authorizer is being asked about these channels was asked before they were taken off: whoever asks for them again has it asked anew. */
function disregard(streams: Streams, channels: readonly string[]): Streams {
  const { undecided, rechecked } = streams;
  const asked = channels.filter((channel) => undecided?.has(channel) === true || rechecked?.has(channel) === true);
  if (asked.length === 0) return streams;
  const left = [...(rechecked ?? [])].filter((channel) => !asked.includes(channel));
  return {
    ...streams,
    undecided: new Map([...(undecided ?? []), ...asked.map((channel) => [channel, null] as const)]),
    rechecked: left.length === 0 ? null : new Set(left),
  };
}

function ended(channel: string): readonly StreamAnswer[] {
  return [
    { kind: "leave", channel },
    { kind: "verdict", verdict: { channel, verdict: "ended" } },
  ];
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

function joinAs({ channel, position, rewind }: StreamRequest): Extract<StreamAnswer, { readonly kind: "join" }> {
  return { kind: "join", channel, position, ...(rewind !== undefined && { rewind }) };
}

function refused(channel: string, code: string, message: string): StreamAnswer {
  return { kind: "verdict", verdict: { channel, verdict: "refused", error: { code, message } } };
}

/** The same words whether the channel is forbidden, unknown or nobody was asked: the answer must not tell them apart. */
function forbidden(channel: string): StreamAnswer {
  return refused(channel, "gateway.forbidden", "this connection may not listen to this channel");
}
