// What an app makes of its events on their way out (`createGateway({ serialize })`): once per event and dialect, whoever reads it
// and however often it is read again.
import type { Entry, Line } from "@trunkline/core/ports";
import { companionOf } from "@trunkline/core/wire";
import type { Dialect } from "../dialect.ts";

/** An event as it was accepted. */
export interface SerializedEvent {
  readonly channel: string;
  readonly event: string;
  readonly data: unknown;
  readonly key?: string;
  readonly id?: string;
  readonly meta?: unknown;
  /** Of what was pushed to one page alone: the channel it is meant for. */
  readonly for?: string;
  /** When it was accepted, in ms since 1970 by the broker's clock. */
  readonly time: number;
}

/**
 * The data of `event` as clients of a dialect get it; `plain` also for event streams, `raw` for the raw door. Synchronous, and the same for every connection.
 * Where it throws, or gives what JSON can't hold, readers are told a `gap` in the event's place.
 */
export type Serialize = (event: SerializedEvent, dialect: Dialect) => unknown;

/** Results that are kept per stream, for who comes back. */
const maxResults = 256;
/** In characters. */
const maxSize = 1_048_576;

/** The serializer as one stream uses it. */
export class Serializer {
  readonly #serialize: Serialize;
  readonly #onFailure: (cause: unknown) => void;
  readonly #label: string;
  readonly #results = new Map<string, string | null>();
  #size = 0;

  /** @param onFailure hears of each event that can't be serialized, once per dialect; must not throw */
  constructor(serialize: Serialize, label: string, onFailure: (cause: unknown) => void) {
    this.#serialize = serialize;
    this.#label = label;
    this.#onFailure = onFailure;
  }

  /** The stored body with other data; null when that failed. `line` null: of a `volatile` event, which is not read again. */
  body(entry: Pick<Entry, "body" | "time" | "offset" | "tag">, line: Line | null, dialect: Dialect): string | null {
    if (line === null) return this.#make(entry, dialect);
    const name = `${dialect} ${line} ${entry.offset} ${entry.tag}`;
    const known = this.#results.get(name);
    if (known !== undefined) return known;
    const made = this.#make(entry, dialect);
    this.#results.set(name, made);
    this.#size += made?.length ?? 0;
    for (const [oldest, result] of this.#results) {
      if (this.#results.size <= maxResults && this.#size <= maxSize) break;
      this.#results.delete(oldest);
      this.#size -= result?.length ?? 0;
    }
    return made;
  }

  /** Lets go of all results. */
  clear(): void {
    this.#results.clear();
    this.#size = 0;
  }

  #make({ body, time }: Pick<Entry, "body" | "time">, dialect: Dialect): string | null {
    try {
      const { event, data = null, ...rest } = JSON.parse(body) as Omit<SerializedEvent, "channel" | "time">;
      const made = this.#serialize({ channel: this.#label, event, data, ...rest, time }, dialect);
      if (typeof (made as PromiseLike<unknown> | null | undefined)?.then === "function") {
        void Promise.resolve(made).catch(() => {});
        throw new TypeError("expected the data of an event, got a promise: serialize must be synchronous");
      }
      const text = JSON.stringify(made);
      if (text === undefined) throw new TypeError(`expected the data of an event, got ${typeof made}`);
      return JSON.stringify({ event, data: made, ...rest });
    } catch (cause) {
      this.#onFailure(cause);
      return null;
    }
  }
}

/** What makes the serializer of each channel, if there is one; null for what the gateway itself says of a channel. */
export function serializerOf(
  serialize: Serialize | undefined,
  onFailure: (cause: unknown) => void,
): ((channel: string) => Serializer | null) | undefined {
  if (serialize === undefined) return undefined;
  return (channel) => (isSaidOf(channel) ? null : new Serializer(serialize, channel, onFailure));
}

function isSaidOf(channel: string): boolean {
  const kind = companionOf(channel)?.kind;
  return kind === "members" || kind === "count";
}
