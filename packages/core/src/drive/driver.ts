// Performs what the client machine decides, with exactly one link and one timer.
import { ChannelTable } from "../client/channel-table.ts";
import { hello } from "../client/greet.ts";
import { step } from "../client/session.ts";
import { type Effect, firstState, type Input, isConnected, type State } from "../client/state.ts";
import { GatewayError, LinkError, PeerError, type TrunklineError } from "../errors.ts";
import type { TimerHandle } from "../ports/clock.ts";
import type { Link } from "../ports/transport.ts";
import { checkFrame, gatewayShapes, type ShapeFields, shapeProblem } from "../wire/check-frame.ts";
import type { ClientFrame, EventFrame, GatewayFrame, Verdict } from "../wire/frame.ts";
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
  /** What one message was taken for (W-10). */
  outcome(outcome: Outcome): void;
  /** What a person should know; `over`: nothing follows. */
  error(error: TrunklineError, over?: boolean): void;
  /** A link was lost and another attempt follows. */
  lost(error: LinkError): void;
}

type Outcome = "ping" | "event" | "no_event" | "unparseable";

export interface Driver {
  readonly state: State;
  readonly table: ChannelTable;
  /** The gateway's id of this connection, or null. */
  readonly connection: string | null;
  /** When the timer fires, by the clock. */
  readonly dueAt: number;
  feed(input: Input): void;
  send(frame: ClientFrame): void;
  /** Asks for the streams that are due. */
  flush(): void;
}

const eventShape: ShapeFields = { event: "string", channel: "string", offset: "count?", tag: "string?" };

export function createDriver(options: ResolvedOptions, outlet: Outlet): Driver {
  const { clock, dialect, getToken } = options;
  const table = new ChannelTable();
  const instance = `${clock.random()}${clock.random()}`;
  const queue: (() => void)[] = [];
  let performing = false;
  let state = firstState;
  let token = options.apiKey ?? options.publicKey;
  let link: Link | undefined;
  /** The attempt whose frames are read; 0: none. */
  let reading = 0;
  let connection: string | null = null;
  let connectedAt: number | undefined;
  let timer: TimerHandle | undefined;
  let dueAt = 0;
  let heard = false;

  // The state moves at once, effects follow in order, also when one of them leads to another input.
  function feed(input: Input): void {
    const previous = state;
    const [next, effects] = step(state, input, options);
    state = next;
    queue.push(...effects.map((effect) => () => perform(effect)), () => outlet.moved(next, previous));
    if (performing) return;
    performing = true;
    for (let task = queue.shift(); task; task = queue.shift()) task();
    performing = false;
  }

  function perform(effect: Effect): unknown {
    switch (effect.kind) {
      case "get-token":
        return getToken ? void askToken(effect.link, effect.fresh) : feed({ type: "token", link: effect.link });
      case "dial":
        return dial(effect.link);
      case "greet":
        table.restart();
        return dialect.enveloped && send(hello(token, instance, table.requests()));
      case "send":
        return send(effect.frame);
      case "hang-up":
        reading = 0;
        return link?.close(1000, "");
      case "terminate":
        reading = 0;
        return link?.terminate();
      case "wake":
        return arm(effect.afterMs);
      case "retry":
        if (effect.lost) outlet.lost(new LinkError("link.lost", `link lost: ${effect.lost}`));
        return arm(effect.ceilingMs * (1 - options.jitter * clock.random()));
      case "fail":
        // The machine fails with codes of the `gateway` family only.
        return outlet.error(
          new GatewayError(effect.code as GatewayError["code"], `refused for good: ${effect.reason}`),
          true,
        );
    }
  }

  function arm(afterMs: number | null): void {
    if (timer) clock.clearTimer(timer);
    timer = undefined;
    heard = false;
    if (afterMs === null) return;
    dueAt = clock.now() + afterMs;
    timer = clock.setTimer(() => {
      timer = undefined;
      feed({ type: "woke", heard, lateMs: clock.now() - dueAt, upMs: upMs() });
    }, afterMs);
  }

  function upMs(): number {
    return clock.now() - (connectedAt ?? clock.now());
  }

  function closed(attempt: number, code: number, reason: string): void {
    feed({ type: "closed", link: attempt, code, reason, upMs: upMs() });
  }

  async function askToken(attempt: number, fresh: boolean): Promise<void> {
    try {
      // Later than now, so that getToken may use the client that is being made.
      await Promise.resolve();
      const got: unknown = await getToken?.({ fresh });
      if (typeof got !== "string") throw new TypeError(`expected a string, got ${typeof got}`);
      if (attempt === state.link) token = got;
      feed({ type: "token", link: attempt });
    } catch (cause) {
      if (attempt !== state.link || state.phase !== "authorizing") return;
      outlet.error(new LinkError("link.token-failed", "getToken failed", { cause }));
      closed(attempt, 1006, "no token");
    }
  }

  function dial(attempt: number): void {
    link?.terminate();
    reading = attempt;
    connection = null;
    connectedAt = undefined;
    link = options.transport.open(
      { url: dialect.url(options.url, token), protocols: dialect.protocols },
      {
        onOpen: () => feed({ type: "opened", link: attempt }),
        onMessage: (data) => {
          if (reading === attempt) read(data);
        },
        onClose: ({ code, reason, cause }) =>
          closed(attempt, code, reason || (cause instanceof Error ? cause.message : "")),
      },
    );
  }

  function send(frame: ClientFrame): void {
    link?.send(dialect.codec.encode(frame));
  }

  function flush(): void {
    while (table.due && isConnected(state.phase)) send({ type: "subscribe", streams: table.requests() });
  }

  function read(data: string | Uint8Array): void {
    heard = true;
    let messages: unknown;
    try {
      // The cast: a codec refuses what it can't read, binary frames among it.
      messages = dialect.codec.decode(data as string);
    } catch {
      // What the parser says is not passed on: it may repeat the text.
      return outlet.outcome(bad(`expected JSON, got ${data.length} characters that are not`));
    }
    if (!Array.isArray(messages)) return outlet.outcome(receive(messages as GatewayFrame));
    const attempt = reading;
    for (const message of messages) {
      // A listener may have closed the client.
      if (reading === attempt) outlet.outcome(receive(message));
    }
  }

  function bad(problem: string): Outcome {
    outlet.error(new PeerError("peer.bad-frame", problem));
    return "unparseable";
  }

  function receive(message: GatewayFrame | null): Outcome {
    if (message?.type === "event") {
      const { event, channel, offset, tag } = message;
      // The hot path. Only where something is wrong the walker is asked for the field's name.
      const positioned = Number.isSafeInteger(offset) && typeof tag === "string";
      if (typeof event !== "string" || typeof channel !== "string" || (offset !== undefined && !positioned)) {
        return bad(shapeProblem(message, eventShape, "event") ?? "event.tag: expected a string beside the offset");
      }
      if (isConnected(state.phase) && table.accept(message)) outlet.event(message);
      if (table.due) flush();
      return "event";
    }
    const checked = checkFrame<Exclude<GatewayFrame, EventFrame>>(message, gatewayShapes);
    if (checked.kind === "bad") bad(checked.problem);
    if (checked.kind !== "frame") return "no_event";
    const { frame } = checked;
    const { type } = frame;
    const { phase } = state;
    // Positions are fixed before anybody is told that they are.
    const greeted = type === "connected" && phase === "greeting";
    const verdicts = greeted || type === "verdict" ? frame.streams.filter((verdict) => table.apply(verdict)) : [];
    if (greeted) {
      connection = frame.connection;
      connectedAt = clock.now();
    }
    if (type === "ping" && frame.positions) table.check(frame.positions);
    feed(frame);
    for (const verdict of verdicts) outlet.verdict(verdict);
    flush();
    if (type === "pong") outlet.pong(frame.id);
    // The gateway's codes are ours; one of a later version is passed on as it is. What ends the link is told as its end.
    if (type === "error" && !(frame.fatal && phase === "greeting"))
      outlet.error(new GatewayError(frame.code as GatewayError["code"], frame.message));
    return type === "ping" ? type : "no_event";
  }

  return {
    table,
    feed,
    send,
    flush,
    get state() {
      return state;
    },
    get connection() {
      return connection;
    },
    get dueAt() {
      return dueAt;
    },
  };
}
