import type { Broker, BrokerListener } from "@trunkline/core/ports";

/** A broker whose deliveries can be lost on the way, and that can be away. */
export function lossyBroker(broker: Broker) {
  const wire = { lost: false, failures: 0, listeners: [] as BrokerListener[] };
  const via: Broker = {
    name: "lossy",
    append: (name, append) => broker.append(name, append),
    broadcast: (name, body) => broker.broadcast(name, body),
    heads: (names) => (wire.failures-- > 0 ? Promise.reject(new Error("away")) : broker.heads(names)),
    read: (name, from, limit) => broker.read(name, from, limit),
    close: () => broker.close(),
    open: (listener: BrokerListener) => {
      wire.listeners.push(listener);
      return broker.open({
        onEntry: (name, entry) => (wire.lost ? undefined : listener.onEntry(name, entry)),
        onVolatile: (name, body, time) => listener.onVolatile(name, body, time),
        onDoubt: (name) => listener.onDoubt(name),
        onAvailable: (available) => listener.onAvailable(available),
      });
    },
  };
  return { via, wire };
}
