// One Redis process as it is used here: a connection for commands and, for a broker, one that listens.
import type { Clock } from "@trunkline/core/ports";
import { type Connection, dial } from "./connection.ts";
import { Link } from "./link.ts";
import type { RedisNode, RedisPlace } from "./redis-url.ts";

export interface ShardEvents {
  /** Either connection came up, was lost, or could not be dialled (`reason`). */
  readonly onChange: (shard: Shard, reason: Error | null) => void;
  /** A fresh connection that is subscribed to nothing; null: none is needed. */
  readonly onSubscriber: ((shard: Shard, connection: Connection) => void) | null;
}

export class Shard {
  /** null: where the place says. */
  readonly node: RedisNode | null;
  readonly #commands: Link;
  readonly #subscriber: Link | null;
  closed = false;

  constructor(place: RedisPlace, node: RedisNode | null, clock: Clock, events: ShardEvents) {
    this.node = node;
    const connect = (): Promise<Connection> => dial(place, node);
    const onDown = (reason: Error): void => events.onChange(this, reason);
    this.#commands = new Link({
      clock,
      dial: connect,
      onDown,
      onUp: (connection) => {
        endOther(connection, this.subscriber);
        events.onChange(this, null);
      },
    });
    const { onSubscriber } = events;
    this.#subscriber =
      onSubscriber === null
        ? null
        : new Link({
            clock,
            dial: connect,
            onDown,
            onUp: (connection) => {
              endOther(connection, this.commands);
              onSubscriber(this, connection);
              events.onChange(this, null);
            },
          });
  }

  get commands(): Connection | null {
    return this.#commands.connection;
  }

  get subscriber(): Connection | null {
    return this.#subscriber?.connection ?? null;
  }

  /** Whether nothing that was sent over an earlier command connection can still be executed. */
  get fenced(): boolean {
    return this.#commands.fenced;
  }

  get available(): boolean {
    return this.commands !== null && (this.#subscriber === null || this.subscriber !== null);
  }

  close(): void {
    this.closed = true;
    this.#commands.close();
    this.#subscriber?.close();
  }
}

/** After a failover the one that was dialled later is with the new primary. */
function endOther(later: Connection, earlier: Connection | null): void {
  if (earlier !== null && earlier.info.runId !== later.info.runId) earlier.end();
}
