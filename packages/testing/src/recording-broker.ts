// A broker that also remembers what it took.
import type { Broker, StreamName } from "@trunkline/core/ports";
import type { PublishRequest } from "@trunkline/core/wire";

/** One event that the gateway accepted, from wherever it came. */
export interface PublishedEvent extends PublishRequest {
  readonly account: string;
  readonly channel: string;
}

/** `inner`, telling each event it took to `onPublished`; repetitions of an id are told once. */
export function recordingBroker(inner: Broker, onPublished: (event: PublishedEvent) => void): Broker {
  const record = (stream: StreamName, body: string): void => {
    // What gateways tell each other; no account begins like that.
    if (stream.startsWith("~")) return;
    // An account id holds no "/", a channel may.
    const slash = stream.indexOf("/");
    const event = JSON.parse(body) as PublishRequest;
    onPublished({ ...event, account: stream.slice(0, slash), channel: stream.slice(slash + 1) });
  };
  return {
    name: inner.name,
    open: (listener) => inner.open(listener),
    append: async (stream, append) => {
      const appended = await inner.append(stream, append);
      if (appended.kind === "appended") record(stream, append.body);
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
