// What modules that stand on a client need of it beside its public face. No part of the public API.
import type { Listener } from "../emitter.ts";
import type { TrunklineError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Verdict } from "../wire/frame.ts";
import type { Client } from "./client.ts";

/** What a line tells beside the public events. */
export interface LineEvents {
  /** One that was applied, before the events that follow it. */
  verdict: [verdict: Verdict];
}

export interface Line {
  readonly clock: Clock;
  /** The window within which clients come back that lost something at the same time, as the gateway last said; in ms. */
  readonly spreadMs: number;
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
export function lineOf(client: Pick<Client, "on">): Line {
  return lines.get(client) as Line;
}
