// Performs what the client machine decides, with exactly one link and one timer.
import { ChannelTable } from "../client/channel-table.ts";
import { hello } from "../client/greet.ts";
import { step } from "../client/session.ts";
import { activeLink, type Effect, firstState, type Input, type State } from "../client/state.ts";
import { GatewayError, LinkError, PeerError, type TrunklineError } from "../errors.ts";
import type { TimerHandle } from "../ports/clock.ts";
import type { Link } from "../ports/transport.ts";
import { checkFrame, gatewayShapes, type ShapeFields, shapeProblem } from "../wire/check-frame.ts";
import type { AnswerFrame, ClientFrame, EventFrame, GatewayFrame, Verdict } from "../wire/frame.ts";
import type { ResolvedOptions } from "./options.ts";

/** What the driver tells its owner. Nothing here may throw. */
export interface Outlet {
  /** An event to deliver. */
  event(frame: EventFrame): void;
  /** A verdict that was applied. */
  verdict(verdict: Verdict): void;
  /** The machine moved. */
  moved(next: State, previous: State): void;
  pong(id: number | undefined): void;
  /** What a module of the client asked for. */
  answer(frame: AnswerFrame): void;
  /** What one message was taken for (W-10). */
  outcome(outcome: Outcome): void;
  /** What a person should know; `over`: nothing follows. */
  error(error: TrunklineError, over?: boolean): void;
  /** A link was lost and another attempt follows. */
  lost(error: LinkError): void;
}

type Outcome = "ping" | "event" | "no_event" | "unparseable";

const eventShape: ShapeFields = {
  event: "string",
  channel: "string",
  offset: "count?",
  revision: "count?",
  after: "count?",
};
/** Of an event with a place. */
const placedShape: ShapeFields = { ...eventShape, tag: "string" };

/** Drives one client. A class, because a page of closures per client weighs a kilobyte more. */
export class Driver {
  readonly table = new ChannelTable();
  state: State = firstState;
  /** The gateway's id of this connection, or null. */
  connection: string | null = null;
  /** When the timer fires, by the clock. */
  dueAt = 0;
  /** Whether a module keeps a channel that the client is (`wanted`) or is no more on by its own `subscribe`: then it is not left. */
  declare keeps?: (channel: string, wanted?: boolean) => unknown;
  readonly #options: ResolvedOptions;
  readonly #outlet: Outlet;
  readonly #instance: string;
  readonly #queue: (() => void)[] = [];
  #performing = false;
  #token: string | undefined;
  #link: Link | undefined;
  /** The link that goes on while another is being made. */
  #old: Link | undefined;
  #connectedAt: number | undefined;
  #timer: TimerHandle | undefined;
  #heard = false;
  /** No frame came between this and the time the timer was set. */
  #heardAt = 0;
  /** The newest hello was said beside a link that went on: it named places, and marked nothing as asked for. */
  #beside = false;

  constructor(options: ResolvedOptions, outlet: Outlet) {
    const { clock } = options;
    this.#options = options;
    this.#outlet = outlet;
    this.#instance = `${clock.random()}${clock.random()}`;
    this.#token = options.apiKey ?? options.publicKey;
  }

  // The state moves at once, effects follow in order, also when one of them leads to another input.
  feed(input: Input): void {
    const previous = this.state;
    const [next, effects] = step(this.state, input, this.#options);
    this.state = next;
    this.#queue.push(...effects.map((effect) => () => this.#perform(effect)), () => this.#outlet.moved(next, previous));
    if (this.#performing) return;
    this.#performing = true;
    for (let task = this.#queue.shift(); task; task = this.#queue.shift()) task();
    this.#performing = false;
  }

  #perform(effect: Effect): unknown {
    switch (effect.kind) {
      case "get-token":
        return this.#options.getToken
          ? void this.#askToken(effect.link, effect.fresh)
          : this.feed({ type: "token", link: effect.link });
      case "dial":
        return this.#dial(effect.link);
      case "greet":
        return this.#greet();
      case "send":
        return this.send(effect.frame);
      case "set-aside":
        this.#old = this.#link;
        this.#link = undefined;
        return;
      case "leave":
        this.#old?.close(1000, "");
        this.#old = undefined;
        return;
      case "hang-up":
        return this.#link?.close(1000, "");
      case "terminate":
        return this.#link?.terminate();
      case "wake":
        return this.#arm(effect.afterMs);
      case "retry":
        if (effect.lost) this.#lost(effect.lost);
        return this.#arm(effect.ceilingMs * (1 - this.#options.jitter * this.#options.clock.random()));
      case "fail":
        // The machine fails with codes of the `gateway` family only.
        return this.#outlet.error(
          new GatewayError(effect.code as GatewayError["code"], `refused for good: ${effect.reason}`),
          true,
        );
    }
  }

  #greet(): void {
    const { table } = this;
    this.#beside = this.#old !== undefined;
    if (!this.#beside) table.restart();
    const streams = this.#beside ? table.places() : table.requests();
    const { dialect, scope } = this.#options;
    const frame = hello(this.#token, this.#instance, this.state.link, streams, scope);
    if (dialect.enveloped) this.#link?.send(dialect.codec.encode(frame));
  }

  #arm(afterMs: number | null): void {
    if (this.#timer) this.#options.clock.clearTimer(this.#timer);
    const now = this.#options.clock.now();
    this.#timer = undefined;
    if (this.#heard) this.#heardAt = now;
    this.#heard = false;
    if (afterMs === null) return;
    this.dueAt = now + afterMs;
    this.#timer = this.#options.clock.setTimer(() => {
      const firedAt = this.#options.clock.now();
      this.#timer = undefined;
      this.feed({
        type: "woke",
        heard: this.#heard,
        lateMs: firedAt - this.dueAt,
        upMs: this.#upMs(),
        quietMs: this.#heard ? 0 : firedAt - this.#heardAt,
      });
    }, afterMs);
  }

  #upMs(): number {
    // Of an attempt beside a link that goes on: it never was.
    if (this.#old) return 0;
    const now = this.#options.clock.now();
    return now - (this.#connectedAt ?? now);
  }

  #lost(why: string): void {
    this.#outlet.lost(new LinkError("link.lost", `link lost: ${why}`));
  }

  #closed(attempt: number, code: number, reason: string): void {
    if (attempt === this.state.old) {
      this.#old = undefined;
      this.connection = null;
      this.#lost(`${code} ${reason}`);
    }
    this.feed({ type: "closed", link: attempt, code, reason, upMs: this.#upMs() });
  }

  async #askToken(attempt: number, fresh: boolean): Promise<void> {
    try {
      // Later than now, so that getToken may use the client that is being made.
      await Promise.resolve();
      const got: unknown = await this.#options.getToken?.({ fresh });
      if (typeof got !== "string") throw new TypeError(`expected a string, got ${typeof got}`);
      if (attempt === this.state.link) this.#token = got;
      this.feed({ type: "token", link: attempt });
    } catch (cause) {
      if (attempt !== this.state.link || this.state.phase !== "authorizing") return;
      this.#outlet.error(new LinkError("link.token-failed", "getToken failed", { cause }));
      this.#closed(attempt, 1006, "no token");
    }
  }

  #dial(attempt: number): void {
    this.#link?.terminate();
    if (!this.#old) {
      this.connection = null;
      this.#connectedAt = undefined;
    }
    this.#link = this.#options.transport.open(
      { url: this.#options.dialect.url(this.#options.url, this.#token), protocols: this.#options.dialect.protocols },
      {
        onOpen: () => this.feed({ type: "opened", link: attempt }),
        onMessage: (data) => {
          if (this.#reads(attempt)) this.#read(data, attempt);
        },
        onClose: ({ code, reason, cause }) =>
          this.#closed(attempt, code, reason || (cause instanceof Error ? cause.message : "")),
      },
    );
  }

  /** By the state, which is ahead of the effects: a listener may have closed the client. */
  #reads(attempt: number): boolean {
    const { phase, link } = this.state;
    return attempt === activeLink(this.state) || (attempt === link && phase === "greeting");
  }

  /** Over the link whose events count. */
  send(frame: ClientFrame): void {
    (this.#old ?? this.#link)?.send(this.#options.dialect.codec.encode(frame));
  }

  /** On both links: the newer may have been asked for it already. */
  unsubscribe(channels: readonly string[]): void {
    const known = channels.filter((channel) => this.table.unsubscribe(channel));
    if (!known[0]) return;
    const text = this.#options.dialect.codec.encode({ type: "unsubscribe", channels: known });
    this.#old?.send(text);
    this.#link?.send(text);
  }

  flush(): void {
    while (this.table.due && activeLink(this.state)) this.send({ type: "subscribe", streams: this.table.requests() });
  }

  #read(data: string | Uint8Array, attempt: number): void {
    this.#heard = true;
    if (typeof data !== "string") {
      this.#bad("expected text, got a binary frame");
      return (attempt === this.state.old ? this.#old : this.#link)?.close(1003, "");
    }
    let messages: unknown;
    try {
      messages = this.#options.dialect.codec.decode(data);
    } catch {
      // What the parser says is not passed on: it may repeat the text.
      return this.#outlet.outcome(this.#bad(`expected JSON, got ${data.length} characters that are not`));
    }
    if (!Array.isArray(messages)) return this.#take(messages as GatewayFrame, attempt);
    for (const message of messages as readonly GatewayFrame[]) this.#take(message, attempt);
  }

  #take(message: GatewayFrame, attempt: number): void {
    if (this.#reads(attempt)) this.#outlet.outcome(this.#receive(message, attempt));
  }

  #bad(problem: string): Outcome {
    this.#outlet.error(new PeerError("peer.bad-frame", problem));
    return "unparseable";
  }

  #receive(message: GatewayFrame | null, attempt: number): Outcome {
    if (message?.type === "event") {
      const { event, channel, offset, revision, after = 0, tag } = message;
      const place = offset ?? revision;
      // The hot path. Only where something is wrong the walker is asked for the field's name.
      const placed = Number.isSafeInteger(place) && Number.isSafeInteger(after) && typeof tag === "string";
      if (typeof event !== "string" || typeof channel !== "string" || (place !== undefined && !placed)) {
        return this.#bad(shapeProblem(message, place === undefined ? eventShape : placedShape, "event") ?? "event");
      }
      if (attempt === activeLink(this.state) && this.table.accept(message)) this.#outlet.event(message);
      if (this.table.due) this.flush();
      return "event";
    }
    const checked = checkFrame<Exclude<GatewayFrame, EventFrame>>(message, gatewayShapes);
    if (checked.kind === "bad") this.#bad(checked.problem);
    if (checked.kind !== "frame") return "no_event";
    const { frame } = checked;
    const { type } = frame;
    const { phase } = this.state;
    const newest = attempt === this.state.link;
    const greeted = newest && type === "connected" && phase === "greeting";
    if (greeted) {
      if (this.#beside) this.table.move(frame.streams);
      this.connection = frame.connection;
      this.#connectedAt = this.#options.clock.now();
    }
    if (type === "ping") this.table.check(frame.positions);
    if (newest) this.feed(frame);
    // The machine is about the newest link; the old one only has to be kept alive.
    else if (type === "ping") this.send({ type: "pong", id: frame.id });
    for (const verdict of greeted || type === "verdict" ? frame.streams : []) {
      // Only while its link is the one that counts: what nobody is told, since a listener closed, must not move a cursor.
      if (attempt === activeLink(this.state) && this.table.apply(verdict)) this.#outlet.verdict(verdict);
    }
    this.flush();
    if (type === "pong") this.#outlet.pong(frame.id);
    if ("ref" in frame || type === "auth") this.#outlet.answer(frame);
    // The gateway's codes are ours; one of a later version is passed on as it is. What ends the link is told as its end.
    if (type === "error" && !(newest && frame.fatal && phase === "greeting"))
      this.#outlet.error(new GatewayError(frame.code as GatewayError["code"], frame.message));
    return type === "ping" ? type : "no_event";
  }
}
