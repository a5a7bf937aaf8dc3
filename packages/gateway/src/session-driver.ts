// Performs what a session decides: the one object per connection, between its link, the hub and gateway code.
import { randomUUID } from "node:crypto";
import { UsageError } from "@trunkline/core/errors";
import type { Clock, Logger } from "@trunkline/core/ports";
import {
  type AnswerFrame,
  CloseCode,
  type StreamPosition,
  type Verdict,
  channelProblem,
  maxRewind,
} from "@trunkline/core/wire";
import type { Admitted } from "./admission.ts";
import type { Authenticated, Entrance } from "./auth/entrance.ts";
import { type Principal, streamName } from "./auth/principal.ts";
import type { RequestInfo } from "./auth/request-info.ts";
import type { Unavailable, WaitingRoom } from "./auth/waiting-room.ts";
import { type Dialect, unreachable } from "./dialect.ts";
import { type FilterSubject, isSendableCode } from "./control-command.ts";
import { type ControlFrame, type Form, formName, forms } from "./form.ts";
import { type Fence, type FencedLink, clientKey } from "./fence.ts";
import { type Grants, onClock } from "./grants.ts";
import type { Feed, Reader } from "./hub/feed.ts";
import type { Hub } from "./hub/hub.ts";
import { scopeHint } from "./link-entrance.ts";
import type { IncomingData } from "./incoming.ts";
import type { LinkPublishing } from "./link-publishing.ts";
import { type GatewayStats, countRefused } from "./metrics.ts";
import type { Attendee, Attending } from "./presence/attending.ts";
import type { PageConnection } from "./pages/page-connections.ts";
import type { Expulsion, Revocable } from "./revocation.ts";
import { openSession, step } from "./session.ts";
import { nextDue } from "./session-auth.ts";
import type { LinkOwner, SessionLink } from "./session-link.ts";
import type { Decision, Question, StreamStart } from "./session-streams.ts";
import type { SourceChannels } from "./subscription-source.ts";
import type { LinkNumber, SessionConfig, SessionEffect, SessionInput, SessionState } from "./session-state.ts";

/** What all connections of a gateway share. */
export interface SessionHost {
  readonly config: SessionConfig;
  readonly hub: Hub;
  readonly entrance: Entrance;
  /** Where fresh tokens wait for their authenticator. */
  readonly waitingRoom: WaitingRoom;
  readonly fence: Fence;
  readonly clock: Clock;
  /** Bytes that answers may leave unread, beyond what events may. */
  readonly maxUnreadBytes: number;
  readonly stats: GatewayStats;
  readonly logger: Logger;
  readonly grants: Grants;
  /** What was said since `mark` about a connection that is about to be let in: why it has to go, or null. */
  expulsionOf(connection: FilterSubject, mark: number): Expulsion | null;
  readonly publishing: LinkPublishing;
  readonly presence: Attending;
  /** The connection key of the page that a link was opened by, or null. */
  pageOf(request: RequestInfo): string | null;
  spreadMs(): number;
  /** Shows a connection to gateway code; a promise when that takes a while. */
  announce(connection: SessionDriver): Promise<unknown> | null;
  /** Shows gateway code what a client said. */
  incoming(data: IncomingData, connection: SessionDriver): void;
  /** One more or less link that has not said hello, or waits to be let in. */
  onGreeting(change: 1 | -1): void;
  /** The session is over; its link may still be saying goodbye. `announced`: gateway code has seen it. */
  onOver(driver: SessionDriver, announced: boolean, code: number): void;
  /** The link is gone. */
  onGone(driver: SessionDriver): void;
}

/** Streams whose positions one ping may carry (PROTOCOL §4.2). */
const positionsPerPing = 64;

export class SessionDriver implements Attendee, PageConnection, Reader, LinkOwner, FencedLink, Revocable {
  readonly id = randomUUID();
  readonly form: Form;
  /** Index in the gateway's list of connections. */
  slot = -1;
  readonly #host: SessionHost;
  readonly request: RequestInfo;
  /** Number of this link of its client, which `#client` names; null when it does not count them. */
  generation = 0;
  #client: string | null = null;
  #link: SessionLink | null = null;
  #principal: Principal | null;
  /** Undefined while that is not decided. */
  #scope: string | null | undefined;
  /** Finding out which it is from now on. */
  #scoping: Promise<unknown> | null = null;
  /** What the client asks for. */
  #hint: string | null;
  /** Since when it is looked what gateways say about it. */
  #mark: number;
  #state: SessionState = { phase: "closed" };
  #feeds: Map<string, Feed> | null = null;
  #queue: SessionEffect[] | null = null;
  /** Answers of the authorizer that wait for the end of the tick. */
  #decisions: Decision[] | null = null;
  #deciding: Promise<void> | null = null;
  /** What the app was asked about what it granted, and has not answered; null when there was nothing. */
  #questions: Set<Promise<void>> | null = null;
  #announced = false;
  #greeted = false;
  /** Its client left for good. */
  #saidGoodbye = false;
  #code: number = CloseCode.abnormal;
  #greetedAt = 0;
  #pingedAt = 0;
  /** Which feed the next ping begins with, when there are more than it can tell of. */
  #turn = 0;

  constructor(host: SessionHost, admitted: Admitted, request: RequestInfo) {
    this.#host = host;
    this.request = request;
    this.form = forms[formName(admitted)];
    const { principal, scope, mark = 0 } = admitted.kind === "admitted" ? admitted : { principal: null };
    this.#principal = principal;
    this.#scope = scope;
    this.#hint = scopeHint({ request });
    this.#mark = mark;
  }

  /** Begins, once the link is there. */
  start(link: SessionLink, admitted: Admitted): void {
    this.#link = link;
    const { clock, config } = this.#host;
    this.#go(
      openSession(admitted, clock.now(), config, this.#principal === null ? Infinity : this.#endOf(this.#principal)),
    );
  }

  get link(): SessionLink {
    if (this.#link === null) throw new Error("SessionDriver.link: expected a started session");
    return this.#link;
  }

  get dialect(): Dialect {
    return this.form.dialect;
  }

  get principal(): Principal {
    if (this.#principal === null) throw new Error("SessionDriver.principal: expected an authenticated session");
    return this.#principal;
  }

  get scope(): string | null {
    return this.#scope ?? null;
  }

  get remoteAddress(): string | undefined {
    return this.request.remoteAddress;
  }

  get page(): string | null {
    return this.#host.pageOf(this.request);
  }

  get resumes(): boolean {
    return this.form.tellsGaps;
  }

  get channels(): readonly string[] {
    return this.#state.phase === "closed" ? [] : [...this.#state.streams.on.keys()];
  }

  /** Names its client where it is a member of channels. */
  get member(): string {
    return this.#client ?? this.id;
  }

  listensTo(channel: string): boolean {
    return this.#state.phase !== "closed" && this.#state.streams.on.has(channel);
  }

  /** Whether it is on a channel, or about to be. */
  isOn(channel: string): boolean {
    const state = this.#state;
    if (state.phase === "closed") return false;
    const { on, waiting } = state.streams;
    if (on.has(channel) || waiting?.has(channel) === true) return true;
    return state.phase === "entering" && state.asked.some((asked) => asked.channel === channel);
  }

  /** Whether it is not known yet who it is. */
  get #greeting(): boolean {
    const state = this.#state;
    return state.phase === "greeting" || (state.phase === "entering" && state.step === "authenticating");
  }

  get over(): boolean {
    return this.#state.phase === "closed";
  }

  /** Whether gateway code knows this connection. */
  get announced(): boolean {
    return this.#announced && !this.over;
  }

  /** Whether some of what was accepted for it is not on its way yet. */
  get behind(): boolean {
    for (const { stage } of this.#feeds?.values() ?? []) if (stage !== "live") return true;
    return false;
  }

  subscribe(channel: string): void {
    this.#input({ kind: "subscribe", channel: checked("subscribe", channel) });
  }

  unsubscribe(channel: string): void {
    this.#input({ kind: "unsubscribe", channel: checked("unsubscribe", channel) });
  }

  close(code: number = CloseCode.normal, reason = ""): void {
    if (!isSendableCode(code))
      throw new UsageError("usage.bad-argument", `connection.close: expected 1000–1014 or 3000–4999, got ${code}`);
    // What was accepted before goes out before.
    this.#host.hub.flush();
    this.#input({ kind: "close", code, reason });
  }

  register(channels: SourceChannels): void {
    this.#input({ kind: "registered", channels });
  }

  async reauthorize(): Promise<void> {
    // What it was granted so far on its way in may be over, and was not told yet: it comes again.
    if (this.#state.phase === "entering") return this.#input({ kind: "close", ...comeBack });
    this.#input({ kind: "reauthorize" });
    if (this.#questions !== null) await Promise.all(this.#questions);
  }

  drain(spreadMs: number): void {
    this.#input({ kind: "drain", spreadMs });
  }

  supersede(): void {
    this.#input({ kind: "superseded" });
  }

  /** Time has passed. Cheap when nothing is due. */
  sweep(now: number): void {
    if (this.#state.phase === "closed" || now < nextDue(this.#state)) return;
    const pings = now >= this.#state.dueAt;
    const quiet = pings ? this.#quiet() : [];
    if (pings) this.#pingedAt = now;
    this.#input({ kind: "sweep", now, spreadMs: this.#host.spreadMs(), quiet });
  }

  onText(text: string): void {
    this.#input({ kind: "text", text, now: this.#host.clock.now() });
  }

  onPong(): void {
    this.#input({ kind: "pong" });
  }

  onBinary(): void {
    this.#input({ kind: "binary" });
  }

  onEnd(code: number): void {
    if (!this.over) {
      this.#code = code;
      // Who was asked to leave goes somewhere else.
      this.#saidGoodbye = code === CloseCode.normal && this.#state.phase !== "draining";
    }
    this.#input({ kind: "gone" });
    this.#host.onGone(this);
  }

  onFailure(): void {
    this.#host.stats.errors += 1;
  }

  tell(verdict: Verdict): void {
    this.#send({ type: "verdict", streams: [verdict] });
  }

  resync(): void {
    this.#input({
      kind: "close",
      code: CloseCode.resync,
      reason: "events had to be left out; fetch the current state and come back",
    });
  }

  fail(cause: unknown): void {
    this.#host.logger.warn("a stream can't be read; the connection is closed", { connection: this.id, cause });
    this.#input({
      kind: "close",
      code: CloseCode.tryAgainLater,
      reason: "the stream can't be read now; come back shortly",
    });
  }

  #input(input: SessionInput): void {
    this.#go(step(this.#state, input, this.#host.config));
  }

  /** Effects that effects lead to wait for their turn, so that the link sees one order. */
  #go([state, effects]: ReturnType<typeof step>): void {
    const greeting = this.#greeting;
    this.#state = state;
    if (this.#greeting !== greeting) this.#host.onGreeting(greeting ? -1 : 1);
    if (effects.length === 0) return;
    if (this.#queue !== null) {
      this.#queue.push(...effects);
      return;
    }
    this.#queue = [...effects];
    // Grows while it is walked.
    for (const effect of this.#queue) this.#perform(effect);
    this.#queue = null;
  }

  #perform(effect: SessionEffect): void {
    switch (effect.kind) {
      case "send":
        return this.#send(effect.frame);
      case "authenticate":
        return this.#authenticate(effect.token);
      case "grant":
        return this.#grant(effect);
      case "announce":
        return this.#announce(effect.link);
      case "authorize":
        return this.#authorize(effect);
      case "prepare":
        return void this.#prepare(effect.streams);
      case "start":
        return this.#startFeeds();
      case "join":
        return void this.#join(effect);
      case "leave":
        return this.#leave(effect.channel);
      case "publish":
        return void this.#publish(effect);
      case "presence":
        return void this.#attend(effect);
      case "history":
        return void this.#history(effect);
      case "incoming":
        return this.#host.incoming(effect.data, this);
      case "refused":
        countRefused(this.#host.stats, effect.code);
        return this.#host.logger.info("refused", { connection: this.id, code: effect.code });
      case "close":
        this.#code = effect.code;
        return this.link.close(effect.code, effect.reason);
      case "end":
        return this.#end();
      default:
        return unreachable(effect);
    }
  }

  #send(frame: ControlFrame): void {
    const bytes = this.form.control(frame);
    if (bytes === null) return;
    if (this.link.unread > this.#host.maxUnreadBytes) return this.#drop();
    this.link.write(bytes);
  }

  /** Events wait for a slow reader; answers can't, and whoever reads none of them is told nothing by another. */
  #drop(): void {
    const { stats, logger } = this.#host;
    countRefused(stats, "gateway.limit");
    logger.info("dropped: answers are not read", { connection: this.id, unread: this.link.unread });
    this.link.terminate();
  }

  #authenticate(token: string | undefined): void {
    const who = this.#host.entrance.atHello({ token, request: this.request });
    // A greeting has an end of its own.
    if (this.#greeted) this.#host.waitingRoom.wait(who, (said) => this.#onWho(said));
    else if (who instanceof Promise) void who.then((said) => this.#onWho(said));
    else this.#onWho(who);
  }

  #onWho(who: Authenticated | Unavailable): void {
    if (!who.ok) return this.#input({ kind: "rejected", status: who.status, error: who.error });
    const { principal, mark } = who;
    if (!this.#announced) this.#mark = mark ?? this.#mark;
    // A fresh token has to be accepted first.
    this.#principal ??= principal;
    const now = this.#host.clock.now();
    this.#input({ kind: "authenticated", principal, endsAt: this.#endOf(principal), now });
  }

  #endOf(principal: Principal): number {
    return principal.kind === "user" && principal.expiresAt !== undefined
      ? onClock(this.#host.clock, principal.expiresAt)
      : Infinity;
  }

  /** Under way until it is answered. */
  #question(asked: Promise<void>): void {
    const questions = (this.#questions ??= new Set());
    questions.add(asked);
    void asked.then(() => {
      questions.delete(asked);
      if (questions.size === 0) this.#questions = null;
    });
  }

  #grant({ turn, principal, hint }: Extract<SessionEffect, { readonly kind: "grant" }>): void {
    this.#principal = principal;
    this.#hint = hint ?? this.#hint;
    // Before the upgrade it may have been decided already, by what was known then.
    if (turn === 0 && hint === undefined && this.#scope !== undefined) return this.#grantChannels(turn);
    const scoping = this.#host.grants.scope(principal, this.request, this.#hint);
    if (!(scoping instanceof Promise)) {
      this.#scoping = null;
      return this.#onScope(scoping, turn);
    }
    this.#scoping = scoping;
    this.#question(
      scoping.then((decided) => {
        // It was asked anew meanwhile: whichever answer comes first, the later question's counts.
        if (this.#scoping !== scoping) return;
        this.#scoping = null;
        this.#onScope(decided, turn);
      }),
    );
  }

  #onScope(decided: Awaited<ReturnType<Grants["scope"]>>, turn: number): void {
    if (!decided.ok) return this.#input({ kind: "denied", turn, status: decided.status, error: decided.error });
    this.#scope = decided.scope;
    this.#grantChannels(turn);
  }

  #grantChannels(turn: number): void {
    const said = this.#host.grants.channels(this);
    if (said instanceof Promise) this.#question(said.then((channels) => this.#onChannels(channels, turn)));
    else this.#onChannels(said, turn);
  }

  #onChannels(said: Awaited<ReturnType<Grants["channels"]>>, turn: number): void {
    if (!said.ok) return this.#input({ kind: "denied", turn, status: said.status, error: said.error });
    this.#input({ kind: "granted", turn, channels: said.channels });
    if (turn > 0) this.#question(this.#host.presence.reconsider(this));
  }

  get #superseded(): boolean {
    return this.#client !== null && this.#host.fence.isSuperseded(this.#client, this.generation);
  }

  #announce(number: LinkNumber | null): void {
    if (number !== null) {
      this.#client = clientKey(this.principal, number.instance);
      this.generation = number.generation;
    }
    if (this.#superseded) return this.supersede();
    const expulsion = this.#host.expulsionOf(this, this.#mark);
    if (expulsion !== null) return this.#input({ kind: "close", code: expulsion.code, reason: expulsion.reason });
    this.#announced = true;
    const { account, kind } = this.principal;
    const { id: connection, dialect, remoteAddress } = this;
    this.#host.logger.info("connection let in", { connection, dialect, account, kind, remoteAddress });
    const pending = this.#host.announce(this);
    if (pending === null) this.#input({ kind: "announced" });
    else void pending.then(() => this.#input({ kind: "announced" }));
  }

  #authorize(question: Question): void {
    const asked = this.#ask(question);
    if (question.again) this.#question(asked);
  }

  async #ask({ channel, token, turn, again = false }: Question): Promise<void> {
    // What is allowed in the scope that it is about to lose may not be in the next one.
    while (this.#scoping !== null) await this.#scoping;
    const permission = await this.#host.grants.mayListen(this, channel, { token, inTime: again });
    (this.#decisions ??= []).push({ channel, turn, ...permission });
    // What was decided in one tick is taken up together: who asks for many streams mostly gets many answers at once.
    this.#deciding ??= new Promise((resolve) => {
      setImmediate(() => {
        const answers = this.#decisions ?? [];
        this.#decisions = null;
        this.#deciding = null;
        this.#input({ kind: "authorized", answers });
        resolve();
      });
    });
    await this.#deciding;
  }

  async #publish({ ref, request, retryMs }: Extract<SessionEffect, { readonly kind: "publish" }>): Promise<void> {
    // The client counts up to `connected`, which it got after it was sent: from then on it is ours to count (PROTOCOL §8.6).
    const sinceFirst = retryMs === undefined ? undefined : retryMs + (this.#host.clock.now() - this.#greetedAt);
    const outcome = await this.#host.publishing.publish(this, request, sinceFirst);
    const answer = outcome.ok ? outcome.receipt : { error: outcome.error };
    this.#answer({ type: "published", ref, ...answer });
  }

  async #history({ ref, channel, before, limit }: Extract<SessionEffect, { readonly kind: "history" }>): Promise<void> {
    const feed = this.#feeds?.get(channel);
    if (feed === undefined || feed.stage === "opening") return this.#answer({ type: "history", ref, error: notOn });
    try {
      const most = Math.min(limit ?? defaultPage, maxPage);
      const page = await this.#host.hub.past(feed, before ?? Infinity, most);
      // It may have been taken off meanwhile.
      const may = this.#feeds?.has(channel) === true;
      this.#answer(may ? { type: "history", ref, ...page } : { type: "history", ref, error: notOn });
    } catch (cause) {
      this.#host.logger.warn("a stream's history can't be read", { connection: this.id, cause });
      this.#answer({ type: "history", ref, error: unreadable });
    }
  }

  async #attend({ ref, ...asked }: Extract<SessionEffect, { readonly kind: "presence" }>): Promise<void> {
    const refused = await this.#host.presence.request(this, asked);
    this.#answer({ type: "presence", ref, ...(refused.length > 0 && { refused }) });
  }

  #answer(answer: AnswerFrame): void {
    this.#input({ kind: "answered", answer });
  }

  #addFeed({ channel, position, rewind }: StreamStart): Feed {
    const { account } = this.principal;
    // Over WebSocket the plain dialect has no positions: it is always from now on.
    const feed = this.#host.hub.join(this, streamName(account, channel), channel, position ?? null, rewound(rewind));
    this.#feeds ??= new Map();
    const before = this.#feeds.get(channel);
    this.#feeds.set(channel, feed);
    // After the new one has joined, so that the last listener of a stream can ask again without leaving it.
    if (before !== undefined) this.#host.hub.leave(before);
    return feed;
  }

  async #prepare(streams: readonly StreamStart[]): Promise<void> {
    const { hub, clock } = this.#host;
    const feeds = streams.map((stream) => this.#addFeed(stream));
    try {
      await Promise.all(feeds.map((feed) => hub.prepare(feed)));
    } catch (cause) {
      return this.fail(cause);
    }
    if (this.over) return;
    // A newer one may have been faster.
    if (this.#superseded) return this.supersede();
    const verdicts = feeds.filter(({ stage }) => stage === "opening").map((feed) => hub.begin(feed));
    this.#greetedAt = clock.now();
    const spreadMs = this.#host.spreadMs();
    this.#input({ kind: "prepared", verdicts, connection: this.id, spreadMs, now: this.#greetedAt });
  }

  /** Where those streams are that nothing was sent of since the last ping; of very many, some each time. */
  #quiet(): readonly StreamPosition[] {
    if (this.dialect !== "v1" || this.#feeds === null || !this.#greeted) return [];
    let feeds = [...this.#feeds.values()];
    if (feeds.length > positionsPerPing) {
      const from = this.#turn % feeds.length;
      this.#turn = from + positionsPerPing;
      feeds = [...feeds, ...feeds].slice(from, from + positionsPerPing);
    }
    return this.#host.hub.positions(feeds, this.#pingedAt);
  }

  #startFeeds(): void {
    this.#pingedAt = this.#host.clock.now();
    this.#greeted = true;
    this.link.open?.();
    this.#host.stats.connections[this.dialect] += 1;
    if (this.#client !== null) this.#host.fence.add(this.#client, this);
    for (const feed of this.#feeds?.values() ?? []) this.#host.hub.run(feed);
    // It came too late to be asked with the others.
    if (this.#host.stats.draining) this.drain(this.#host.spreadMs());
  }

  async #join(stream: StreamStart): Promise<void> {
    const { hub } = this.#host;
    const feed = this.#addFeed(stream);
    try {
      await hub.prepare(feed);
    } catch (cause) {
      // A channel that was left meanwhile is nobody's trouble.
      return feed.stage === "closed" ? undefined : this.fail(cause);
    }
    if (feed.stage !== "opening") return;
    this.tell(hub.begin(feed));
    hub.run(feed);
  }

  #leave(channel: string): void {
    this.#host.presence.off(this, channel);
    const feed = this.#feeds?.get(channel);
    if (feed === undefined) return;
    this.#feeds?.delete(channel);
    this.#host.hub.leave(feed);
  }

  #end(): void {
    for (const feed of this.#feeds?.values() ?? []) this.#host.hub.leave(feed);
    this.#feeds = null;
    this.#host.presence.end(this, !this.#saidGoodbye);
    if (this.#greeted) {
      this.#host.stats.connections[this.dialect] -= 1;
      if (this.#client !== null) this.#host.fence.remove(this.#client, this);
    }
    this.#host.logger.info("connection over", { connection: this.id, code: this.#code });
    this.#host.onOver(this, this.#announced, this.#code);
  }
}

const comeBack = {
  code: CloseCode.tryAgainLater,
  reason: "what this connection may hear changed while it came in; come back",
};

/** Events of one page of history: when nothing is said, and at most. */
const defaultPage = 100;
const maxPage = 1000;
const notOn = { code: "gateway.forbidden", message: "this connection is not on this channel: subscribe first" };
const unreadable = { code: "gateway.unavailable", message: "the history can't be read now; ask again shortly" };

function rewound(rewind: number | undefined): number | null {
  return rewind === undefined ? null : Math.min(rewind, maxRewind);
}

function checked(method: string, channel: string): string {
  const problem = channelProblem(channel);
  if (problem === null) return channel;
  throw new UsageError("usage.bad-argument", `connection.${method}: channel: ${problem}`);
}
