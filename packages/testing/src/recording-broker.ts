// A broker that also remembers what it took.
import type { Append, Broker, Place, StreamName } from "@trunkline/core/ports";
import type { PublishRequest } from "@trunkline/core/wire";

/** One event that the gateway accepted, from wherever it came. A ledger takes it as a receipt. */
export interface PublishedEvent extends PublishRequest {
  readonly account: string;
  readonly channel: string;
  readonly line: "log" | "state" | "volatile";
  /** "" on `volatile` events. */
  readonly epoch: string;
  /** The offset of a `log` event, the revision of a `state` event, 0 for a `volatile` one. */
  readonly offset: number;
  /** Of a `state` event: whether its key is gone. */
  readonly deleted?: boolean;
}

/** `inner`, telling each event it took to `onPublished`; repetitions of an id are told once. */
export function recordingBroker(inner: Broker, onPublished: (event: PublishedEvent) => void): Broker {
  const record = (stream: StreamName, body: string, place?: Place, state?: Append["state"]): void => {
    // What gateways tell each other; no account begins like that.
    if (stream.startsWith("~")) return;
    const event = JSON.parse(body) as PublishRequest;
    // An account id holds no "/", a channel may.
    const slash = stream.indexOf("/");
    const at = { account: stream.slice(0, slash), channel: stream.slice(slash + 1) };
    if (place === undefined) return onPublished({ ...event, ...at, line: "volatile", epoch: "", offset: 0 });
    const { epoch, offset } = place;
    const line = state === undefined ? "log" : "state";
    onPublished({ ...event, ...at, line, epoch, offset, ...(state && { deleted: state.deleted }) });
  };
  return {
    name: inner.name,
    open: (listener) => inner.open(listener),
    append: async (stream, append) => {
      const appended = await inner.append(stream, append);
      if (appended.kind === "appended") record(stream, append.body, appended.position, append.state);
      return appended;
    },
    broadcast: async (stream, body) => {
      await inner.broadcast(stream, body);
      record(stream, body);
    },
    read: (stream, from, limit) => inner.read(stream, from, limit),
    heads: (streams) => inner.heads(streams),
    close: () => inner.close(),
  };
}
