// What modules that stand on a client need of it beside its public face. No part of the public API. What is made here is made
// for those who ask: a page without modules does not carry it.
import { activeLink as linkOf, type State } from "../client/state.ts";
import type { Listener } from "../emitter.ts";
import type { TrunklineError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { AnswerFrame, ClientFrame, Verdict } from "../wire/frame.ts";
import type { Driver } from "./driver.ts";
import type { GetToken, ResolvedOptions } from "./options.ts";

/** What a client tells its modules beside the public events. */
export interface LineEvents {
  /** One that was applied, before the events that follow it. */
  verdict: [verdict: Verdict];
  /** The answer to a `publish`, `presence`, `history` or `auth`, also when it comes over a link that is being left. */
  answer: [frame: AnswerFrame];
  moved: [next: State, previous: State];
}

/** What a client is made of. */
interface Inside {
  readonly driver: Driver;
  readonly options: ResolvedOptions;
  readonly on: <Name extends keyof LineEvents>(name: Name, listener: Listener<LineEvents[Name]>) => () => void;
  /** Tells the client's `error` listeners and its logger. */
  readonly report: (error: TrunklineError) => void;
  /** To be called when less is waited for than before. */
  readonly settle: () => void;
}

export interface Line extends Pick<Inside, "on" | "report"> {
  readonly inside: Inside;
  readonly clock: Clock;
  readonly getToken: GetToken | undefined;
  /** The window within which clients come back that lost something at the same time, as the gateway last said; in ms. */
  readonly spreadMs: number;
  /** False in the plain dialect, which only listens. */
  readonly enveloped: boolean;
  /** Number of the link that `send` uses, 0 when not connected. Only increases. */
  readonly link: number;
  /** False when not connected: nothing was sent. */
  send(frame: ClientFrame): boolean;
  /** A number for a `publish` or another request, used for no other. */
  ref(): number;
  /**
   * `up`: from here on `send` uses `link`. `gone`: what `link` has not answered it will not answer. Returns its undo.
   */
  watch(listener: (event: "up" | "gone", link: number) => void): () => void;
}

const insides = new WeakMap<object, Inside>();
const lines = new WeakMap<object, Line>();

/** For `createClient` alone. */
export function setInside(client: object, inside: Inside): void {
  insides.set(client, inside);
}

/** The line of a client that `createClient` made. */
export function lineOf(client: object): Line {
  const line = lines.get(client) ?? makeLine(insides.get(client) as Inside);
  lines.set(client, line);
  return line;
}

/** The same; null for a client of another make. */
export function findLine(client: object): Line | null {
  return lines.has(client) || insides.has(client) ? lineOf(client) : null;
}

/** Lets modules stand on a decorator of a client as on the client, whose `line` this is. */
export function shareLine(decorator: object, line: Line): void {
  lines.set(decorator, line);
}

function makeLine(inside: Inside): Line {
  const { driver, options, on, report } = inside;
  let lastRef = 0;
  return {
    inside,
    on,
    report,
    clock: options.clock,
    getToken: options.getToken,
    enveloped: options.dialect.enveloped,
    get link() {
      return linkOf(driver.state);
    },
    get spreadMs() {
      return driver.state.spreadMs;
    },
    send: (frame) => {
      const up = linkOf(driver.state) > 0;
      if (up) driver.send(frame);
      return up;
    },
    ref: () => ++lastRef,
    watch: (listener) =>
      on("moved", (next, previous) => {
        const [link, left] = [linkOf(next), linkOf(previous)];
        if (link === left) return;
        if (left) listener("gone", left);
        if (link) listener("up", link);
      }),
  };
}
