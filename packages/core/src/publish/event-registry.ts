import { type ResourceName, resourceKey } from "./routing-key.ts";

/** What may happen to a resource. */
export type ResourceAction = "created" | "updated" | "destroyed";

export const resourceActions: readonly ResourceAction[] = ["created", "updated", "destroyed"];

/** The names of all events that resources publish, each once, for pages and docs that list them. */
export class EventRegistry {
  readonly #names = new Set<string>();

  /** @throws {UsageError} `usage.bad-argument` */
  register(resource: ResourceName, actions: readonly ResourceAction[] = resourceActions): void {
    const key = resourceKey(resource);
    for (const action of actions) this.#names.add(`${key}.${action}`);
  }

  /** In the order of their registration: `["post.created", "post.updated", "post.destroyed"]`. */
  names(): readonly string[] {
    return [...this.#names];
  }
}
