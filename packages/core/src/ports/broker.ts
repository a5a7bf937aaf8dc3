// The Broker port: where streams live. `memory` is embedded, `redis` shares streams between gateways. One contract
// suite (gateway/testing) decides what each implementation must do.
import type { Position } from "../wire/frame.ts";

/** Full name of a stream on the broker: `<account>/<channel>`. */
export type StreamName = string & { readonly __stream: unique symbol };

/** One stored event. `body` is JSON object text: event, data, key?, id?, meta?. */
export interface Entry {
  readonly offset: number;
  readonly tag: string;
  /** When it was accepted, ms since 1970 by the broker's clock. */
  readonly time: number;
  readonly body: string;
}

export interface Append {
  readonly body: string;
  /** Idempotency: the same `key` within the window is answered with the first receipt; another `body` is a conflict. */
  readonly dedupeKey?: string;
}

export type Appended =
  | { readonly kind: "appended" | "duplicate"; readonly position: Position }
  /** The key was used with another body. */
  | { readonly kind: "conflict" };

/** What a stream holds after one offset. */
export interface Page {
  readonly head: Position;
  /** Offset of the newest event that is no longer kept; 0 when all are. */
  readonly floor: number;
  /** Tag stored with the event at the asked offset ("" at 0), or null when it is not known any more. */
  readonly tagAtStart: string | null;
  /** In order, from the asked offset + 1, at most the asked limit; empty when the asked offset is below `floor`. */
  readonly entries: readonly Entry[];
}

/** Receives what is appended, in order per stream, each entry once. Must not throw. */
export interface BrokerListener {
  onEntry(stream: StreamName, entry: Entry): void;
  /** A `volatile` event. */
  onVolatile(stream: StreamName, body: string, time: number): void;
  /** Entries may have been missed: compare with the head and read what is absent. */
  onDoubt(stream: StreamName): void;
  /** The broker can or can't be used just now. */
  onAvailable(available: boolean): void;
}

/** One gateway's subscriptions. Each name is subscribed at most once at a time; the hub counts references. */
export interface BrokerSession {
  /** Resolves once entries appended from now on are sure to reach the listener. */
  subscribe(stream: StreamName): Promise<void>;
  unsubscribe(stream: StreamName): Promise<void>;
  close(): Promise<void>;
}

export interface Broker {
  readonly name: string;
  open(listener: BrokerListener): BrokerSession;
  /** Stores and delivers one event. Order of calls is order of offsets. @throws {GatewayError} `gateway.unavailable` */
  append(stream: StreamName, append: Append): Promise<Appended>;
  /** Delivers to those who listen now; nothing is stored. */
  broadcast(stream: StreamName, body: string): Promise<void>;
  /** What `stream` holds after `afterOffset`; a stream never written is empty, with a head at 0. */
  read(stream: StreamName, afterOffset: number, limit: number): Promise<Page>;
  close(): Promise<void>;
}
