// Performs what a session decides: the one object per connection, between its link, the hub and gateway code.
import { randomUUID } from "node:crypto";
import { UsageError } from "@trunkline/core/errors";
import { type AnswerFrame, CloseCode, type Verdict, channelProblem } from "@trunkline/core/wire";
import type { Admitted } from "./admission.ts";
import type { Principal } from "./auth/principal.ts";
import type { RequestInfo } from "./auth/request-info.ts";
import { type Dialect, unreachable } from "./dialect.ts";
import { isSendableCode } from "./control-command.ts";
import { type ControlFrame, type Form, formName, forms } from "./form.ts";
import { type FencedLink, clientKey } from "./fence.ts";
import type { Feed, Reader } from "./hub/feed.ts";
import { countRefused } from "./metrics.ts";
import type { Attendee } from "./presence/attending.ts";
import type { PageConnection } from "./pages/page-connections.ts";
import type { Revocable } from "./revocation.ts";
import { openSession, step } from "./session.ts";
import { nextDue } from "./session-auth.ts";
import { SessionFeeds } from "./session-feeds.ts";
import type { SessionHost } from "./session-host.ts";
import { SessionIdentity } from "./session-identity.ts";
import type { LinkOwner, SessionLink } from "./session-link.ts";
import type { StreamStart } from "./session-streams.ts";
import type { SourceChannels } from "./subscription-source.ts";
import type { LinkNumber, SessionEffect, SessionInput, SessionState } from "./session-state.ts";

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
  readonly #identity: SessionIdentity;
  #state: SessionState = { phase: "closed" };
  /** Null before it is known what it is on. */
  #feeds: SessionFeeds | null = null;
  #queue: SessionEffect[] | null = null;
  #announced = false;
  #greeted = false;
  /** Its client left for good. */
  #saidGoodbye = false;
  #code: number = CloseCode.abnormal;
  #greetedAt = 0;
  #pingedAt = 0;

  constructor(host: SessionHost, admitted: Admitted, request: RequestInfo) {
    this.#host = host;
    this.request = request;
    this.form = forms[formName(admitted)];
    this.#identity = new SessionIdentity(host, admitted, request, (input) => this.#input(input));
  }

  /** Begins, once the link is there. */
  start(link: SessionLink, admitted: Admitted): void {
    this.#link = link;
    const { clock, config } = this.#host;
    this.#go(openSession(admitted, clock.now(), config, this.#identity.endsAt));
  }

  get link(): SessionLink {
    if (this.#link === null) throw new Error("SessionDriver.link: expected a started session");
    return this.#link;
  }

  get dialect(): Dialect {
    return this.form.dialect;
  }

  get principal(): Principal {
    const { principal } = this.#identity;
    if (principal === null) throw new Error("SessionDriver.principal: expected an authenticated session");
    return principal;
  }

  get scope(): string | null {
    return this.#identity.scope;
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
    return this.#feeds?.behind === true;
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
    await this.#identity.settled();
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
    const quiet = pings && this.#greeted && this.dialect === "v1" ? (this.#feeds?.quiet(this.#pingedAt) ?? []) : [];
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
        return this.#identity.authenticate(effect.token, this.#greeted);
      case "grant":
        return this.#identity.grant(this, effect);
      case "announce":
        return this.#announce(effect.link);
      case "authorize":
        return this.#identity.authorize(this, effect);
      case "prepare":
        return void this.#prepare(effect.streams);
      case "start":
        return this.#startFeeds();
      case "join":
        return void this.#ownFeeds.join(effect);
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

  get #superseded(): boolean {
    return this.#client !== null && this.#host.fence.isSuperseded(this.#client, this.generation);
  }

  #announce(number: LinkNumber | null): void {
    if (number !== null) {
      this.#client = clientKey(this.principal, number.instance);
      this.generation = number.generation;
    }
    if (this.#superseded) return this.supersede();
    const expulsion = this.#host.expulsionOf(this, this.#identity.mark);
    if (expulsion !== null) return this.#input({ kind: "close", code: expulsion.code, reason: expulsion.reason });
    this.#announced = true;
    const { account, kind } = this.principal;
    const { id: connection, dialect, remoteAddress } = this;
    this.#host.logger.info("connection let in", { connection, dialect, account, kind, remoteAddress });
    const pending = this.#host.announce(this);
    if (pending === null) this.#input({ kind: "announced" });
    else void pending.then(() => this.#input({ kind: "announced" }));
  }

  async #publish({ ref, request, retryMs }: Extract<SessionEffect, { readonly kind: "publish" }>): Promise<void> {
    // The client counts up to `connected`, which it got after it was sent: from then on it is ours to count (PROTOCOL §8.6).
    const sinceFirst = retryMs === undefined ? undefined : retryMs + (this.#host.clock.now() - this.#greetedAt);
    const outcome = await this.#host.publishing.publish(this, request, sinceFirst);
    const answer = outcome.ok ? outcome.receipt : { error: outcome.error };
    this.#answer({ type: "published", ref, ...answer });
  }

  async #history({ ref, channel, ...asked }: Extract<SessionEffect, { readonly kind: "history" }>): Promise<void> {
    this.#answer({ type: "history", ref, ...(await this.#ownFeeds.past(channel, asked, this.#host.logger)) });
  }

  async #attend({ ref, ...asked }: Extract<SessionEffect, { readonly kind: "presence" }>): Promise<void> {
    const refused = await this.#host.presence.request(this, asked);
    this.#answer({ type: "presence", ref, ...(refused.length > 0 && { refused }) });
  }

  #answer(answer: AnswerFrame): void {
    this.#input({ kind: "answered", answer });
  }

  get #ownFeeds(): SessionFeeds {
    this.#feeds ??= new SessionFeeds({ hub: this.#host.hub, reader: this, account: this.principal.account });
    return this.#feeds;
  }

  async #prepare(streams: readonly StreamStart[]): Promise<void> {
    const { clock } = this.#host;
    let feeds: readonly Feed[];
    try {
      feeds = await this.#ownFeeds.prepare(streams);
    } catch (cause) {
      return this.fail(cause);
    }
    if (this.over) return;
    // A newer one may have been faster.
    if (this.#superseded) return this.supersede();
    const verdicts = this.#ownFeeds.begin(feeds);
    this.#greetedAt = clock.now();
    const spreadMs = this.#host.spreadMs();
    this.#input({ kind: "prepared", verdicts, connection: this.id, spreadMs, now: this.#greetedAt });
  }

  #startFeeds(): void {
    this.#pingedAt = this.#host.clock.now();
    this.#greeted = true;
    this.link.open?.();
    this.#host.stats.connections[this.dialect] += 1;
    if (this.#client !== null) this.#host.fence.add(this.#client, this);
    this.#feeds?.run();
    // It came too late to be asked with the others.
    if (this.#host.stats.draining) this.drain(this.#host.spreadMs());
  }

  #leave(channel: string): void {
    this.#host.presence.off(this, channel);
    this.#feeds?.leave(channel);
  }

  #end(): void {
    this.#feeds?.leaveAll();
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

function checked(method: string, channel: string): string {
  const problem = channelProblem(channel);
  if (problem === null) return channel;
  throw new UsageError("usage.bad-argument", `connection.${method}: channel: ${problem}`);
}
