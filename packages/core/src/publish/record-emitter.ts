// From an emitter of an ORM, or of one unit of work, to events.
import type { PublishReceipt, PublishRequest } from "../wire/publish-request.ts";
import type { RecordChanges, TrunklineEvent } from "./event.ts";
import type { ResourceAction } from "./event-registry.ts";

/** The part of an EventEmitter that is used. */
export interface RecordEmitter {
  on(name: string, listener: (...args: unknown[]) => void): unknown;
  off(name: string, listener: (...args: unknown[]) => void): unknown;
}

export interface BindOptions {
  /**
   * When events go out. `"commit"`: once the emitter says `commit`, in their order; `rollback` drops them. So bind one emitter per
   * transaction. `"event"`: at once, for emitters that speak after the commit only.
   * @defaultValue "commit"
   */
  readonly after?: "commit" | "event";
  /** What the emitter calls them, where it differs: `{ created: "afterCreate" }`. */
  readonly names?: Partial<Readonly<Record<ResourceAction | "commit" | "rollback", string>>>;
  /** Gets what was not published. @defaultValue the publisher's logger is told */
  readonly onError?: (error: unknown) => void;
}

interface Binding {
  readonly actions: readonly ResourceAction[];
  /** Throws when no event can be made of the record. */
  readonly make: (action: ResourceAction, record: unknown, changes?: RecordChanges) => TrunklineEvent;
  readonly publish: (request: PublishRequest) => Promise<PublishReceipt>;
  readonly failed: (error: unknown) => void;
}

/** Listens until the returned undo is called; events that then still wait for a commit are dropped. */
export function bindEmitter(
  emitter: RecordEmitter,
  { after = "commit", names = {}, onError }: BindOptions,
  { actions, make, publish, failed }: Binding,
): () => void {
  let held: TrunklineEvent[] = [];
  const fail = (error: unknown): void => {
    if (onError === undefined) return failed(error);
    try {
      onError(error);
    } catch (cause) {
      failed(cause);
    }
  };
  // Without `onError` a failed publish is logged already.
  const send = (request: TrunklineEvent): void => void publish(request).catch(onError === undefined ? () => {} : fail);
  const listeners: (readonly [name: string, listener: (...args: unknown[]) => void])[] = actions.map((action) => [
    names[action] ?? action,
    (record, context) => {
      try {
        const { changes } = (context ?? {}) as { readonly changes?: RecordChanges };
        const event = make(action, record, action === "updated" ? changes : undefined);
        if (after === "event") send(event);
        // The record may change before the commit.
        else held.push(JSON.parse(JSON.stringify(event)) as TrunklineEvent);
      } catch (error) {
        fail(error);
      }
    },
  ]);
  if (after === "commit") {
    const take = (): readonly TrunklineEvent[] => {
      const taken = held;
      held = [];
      return taken;
    };
    listeners.push([names.commit ?? "commit", () => take().forEach(send)], [names.rollback ?? "rollback", take]);
  }
  for (const [name, listener] of listeners) emitter.on(name, listener);
  return () => {
    for (const [name, listener] of listeners) emitter.off(name, listener);
    held = [];
  };
}
