// The Broker port: where streams live. `memory` is embedded, `redis` shares streams between gateways. One contract
// suite (gateway/testing) decides what each implementation must do.
import type { Position } from "../wire/frame.ts";

/** Full name of a stream on the broker: `<account>/<channel>`. */
export type StreamName = string & { readonly __stream: unique symbol };

/** The two lines of a stream (PROTOCOL §5.1): every event in order, or the latest per key. */
export type Line = "log" | "state";

/** One stored event. `body` is JSON object text: event, data, key?, id?, meta?. */
export interface Entry {
  readonly line: Line;
  /** Place on its line: the offset on the log (last + 1), the revision on the state line (only increasing). */
  readonly offset: number;
  readonly tag: string;
  /** When it was accepted, ms since 1970 by the broker's clock. */
  readonly time: number;
  readonly body: string;
  /** On the state line: its key is gone. */
  readonly deleted?: boolean;
}

export interface Append {
  readonly body: string;
  /**
   * Puts it on the state line, in place of what `key` had there. Absent: on the log. `maxKeys`: how many keys the stream may have for this
   * one to be new. @defaultValue the broker's bound
   */
  readonly state?: { readonly key: string; readonly deleted: boolean; readonly maxKeys?: number };
  /**
   * Idempotency: the same `key` within the window is answered with the first receipt; another `body` is a conflict, unless
   * only its trace context is another (`untraced`).
   */
  readonly dedupeKey?: string;
  /** A repetition whose first attempt was this many ms ago; answered `unknown` when it can't be told what became of that. */
  readonly retryMs?: number;
}

/** Where an event went: its place on its own line. */
export interface Place {
  readonly epoch: string;
  readonly offset: number;
  readonly tag: string;
}

export type Appended =
  | { readonly kind: "appended" | "duplicate"; readonly position: Place }
  /** The key was used with another body. */
  | { readonly kind: "conflict" }
  /** The first attempt is older than the window, or than this epoch. Nothing was stored. */
  | { readonly kind: "unknown" };

/** How far a reader has got on both lines. */
export interface ReadFrom {
  readonly offset: number;
  /** Absent: the state line is not read. */
  readonly revision?: number;
}

/** What one line holds after one place. */
export interface LinePage {
  /** Newest place that can no longer be told by what is kept; 0 when all can. On the state line: of forgotten tombstones. */
  readonly floor: number;
  /** Tag stored with the event at the asked place ("" at 0), or null when it is not known any more. */
  readonly tagAtStart: string | null;
  /**
   * In order, from behind the asked place, at most the asked limit. Of the log: none when the asked place is below `floor`.
   * Of the state line: what is left of it, whatever the floor. Its newest entry is always kept.
   */
  readonly entries: readonly Entry[];
  /** Entries behind the asked place, those beyond the limit included. */
  readonly count: number;
}

/** What a stream holds. */
export interface Page {
  /** Newest place of both lines; `state` is absent while that line was never used. */
  readonly head: Position;
  readonly log: LinePage;
  readonly state: LinePage;
}

/** Receives what is appended, in order per stream, each entry once. Must not throw. */
export interface BrokerListener {
  onEntry(stream: StreamName, entry: Entry): void;
  /** A `volatile` event. */
  onVolatile(stream: StreamName, body: string, time: number): void;
  /** Something was published to the stream that no event can be made of; it was left out. */
  onUnreadable?(stream: StreamName): void;
  /** Entries may have been missed: compare with the head and read what is absent. */
  onDoubt(stream: StreamName): void;
  /** The same of all streams under a prefix that is subscribed, those included that nobody knows of yet. */
  onPrefixDoubt?(prefix: StreamName): void;
  /** The broker can or can't be used just now. */
  onAvailable(available: boolean): void;
}

/** One gateway's subscriptions. Each name is subscribed at most once at a time; the hub counts references. */
export interface BrokerSession {
  /** Resolves once entries appended from now on are sure to reach the listener. */
  subscribe(stream: StreamName): Promise<void>;
  unsubscribe(stream: StreamName): Promise<void>;
  /**
   * As `subscribe`, for every stream whose name begins with `prefix`, those that begin later too. What is subscribed in several ways is heard once.
   * Absent where the broker has nothing like it. @throws {GatewayError} `gateway.unsupported` where it has not in this setting
   */
  subscribePrefix?(prefix: StreamName): Promise<void>;
  unsubscribePrefix?(prefix: StreamName): Promise<void>;
  close(): Promise<void>;
}

export interface Broker {
  readonly name: string;
  open(listener: BrokerListener): BrokerSession;
  /**
   * Stores and delivers one event. Order of calls is order of offsets.
   * @throws {GatewayError} `gateway.unavailable`: nothing was stored; `gateway.outcome-unknown`: it may have been;
   * `gateway.limit`: the stream has as many state keys as it may; `gateway.too-large`
   */
  append(stream: StreamName, append: Append): Promise<Appended>;
  /** Delivers to those who listen now; nothing is stored. */
  broadcast(stream: StreamName, body: string): Promise<void>;
  /** What `stream` holds after `from`, at most `limit` entries per line; a stream never written is empty, with a head at 0. */
  read(stream: StreamName, from: ReadFrom, limit: number): Promise<Page>;
  /** The heads of many streams, in their order: the cheap form of `read`. */
  heads(streams: readonly StreamName[]): Promise<readonly Position[]>;
  close(): Promise<void>;
}
