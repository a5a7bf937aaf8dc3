// Events of a client, to those who want those of one stream.
import type { Client, EventMeta } from "@trunkline/core";
import type { EventFrame } from "@trunkline/core/wire";

/** Gets the events of a stream. */
export interface Route {
  take(data: unknown, event: EventFrame): void;
}

const known = new WeakMap<object, Dispatch>();

/** One per client; a decorator is one of its own, so that it sees its own listeners. */
export function dispatchOf(client: Pick<Client, "on">): Dispatch {
  const dispatch = known.get(client) ?? new Dispatch(client);
  known.set(client, dispatch);
  return dispatch;
}

/** Listens to the client while there is a route, once for all. What an event costs does not grow with the number of routes. */
export class Dispatch {
  readonly #client: Pick<Client, "on">;
  /** By stream. Lists are replaced when they change, so that one that is being walked does not. */
  readonly #routes = new Map<string, readonly Route[]>();
  #unlisten: (() => void) | null = null;

  constructor(client: Pick<Client, "on">) {
    this.#client = client;
  }

  /** `route` gets the events of `stream`, until the undo is called. */
  add(stream: string, route: Route): () => void {
    this.#routes.set(stream, [...(this.#routes.get(stream) ?? []), route]);
    this.#unlisten ??= this.#client.on("*", (data: unknown, meta: EventMeta) => {
      // What is pushed to this page says which channel it is for.
      for (const each of this.#routes.get(meta.for ?? meta.channel) ?? []) each.take(data, meta);
    });
    return () => this.#delete(stream, route);
  }

  #delete(stream: string, route: Route): void {
    const rest = (this.#routes.get(stream) ?? []).filter((other) => other !== route);
    if (rest.length > 0) this.#routes.set(stream, rest);
    else this.#routes.delete(stream);
    if (this.#routes.size > 0) return;
    this.#unlisten?.();
    this.#unlisten = null;
  }
}
