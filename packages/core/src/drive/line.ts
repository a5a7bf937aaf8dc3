// What modules that stand on a client need of it beside its public face. No part of the public API.
import type { Listener } from "../emitter.ts";
import type { TrunklineError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { ClientFrame, PublishedFrame, Verdict } from "../wire/frame.ts";

/** What a line tells beside the public events. */
export interface LineEvents {
  /** One that was applied, before the events that follow it. */
  verdict: [verdict: Verdict];
  /** An answer to a `publish`, also when it comes over a link that is being left. */
  published: [frame: PublishedFrame];
  /** From here on `send` uses this link. */
  up: [link: number];
  /** What this link has not answered it will not answer. */
  gone: [link: number];
}

export interface Line {
  readonly clock: Clock;
  /** The window within which clients come back that lost something at the same time, as the gateway last said; in ms. */
  readonly spreadMs: number;
  /** False in the plain dialect, which only listens. */
  readonly enveloped: boolean;
  /** Number of the link that `send` uses, 0 when not connected. Only increases. */
  readonly link: number;
  /** False when not connected: nothing was sent. */
  send(frame: ClientFrame): boolean;
  /** A number for a `publish`, used by no other module. */
  ref(): number;
  /** Calls `listener` at every such event; returns its undo. */
  on<Name extends keyof LineEvents>(name: Name, listener: Listener<LineEvents[Name]>): () => void;
  /** Tells the client's `error` listeners and its logger. */
  report(error: TrunklineError): void;
}

const lines = new WeakMap<object, Line>();

/** @internal for `createClient` alone */
export function setLine(client: object, line: Line): void {
  lines.set(client, line);
}

/** The line of a client that `createClient` made. */
export function lineOf(client: object): Line {
  return lines.get(client) as Line;
}
