// Events of one kind of record: what happened to it, as whom it concerns sees it.
import { TrunklineError, UsageError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Logger } from "../ports/logger.ts";
import type { PublishReceipt, PublishRequest } from "../wire/publish-request.ts";
import { type RecordChanges, type TrunklineEvent, eventOf } from "./event.ts";
import { type ResourceAction, resourceActions } from "./event-registry.ts";
import { handled } from "./handled.ts";
import { type BindOptions, type RecordEmitter, bindEmitter } from "./record-emitter.ts";
import { type ResourceName, resourceKey, resourceName } from "./routing-key.ts";
import { type Scope, ScopeValueError } from "./scope.ts";

export interface ResourceOptions<Item extends object> {
  /**
   * To whom its events go: attributes of the record (`["organization_id", "user_id"]`; a trailing `_id` or `Id` is left out of the
   * name), or names with functions (`{ organization: (post) => post.author.organizationId }`), in their order.
   * @defaultValue unscoped: to everybody in the account
   */
  readonly scope?: readonly (keyof Item & string)[] | Readonly<Record<string, (record: Item) => unknown>>;
  /** What it publishes. @defaultValue all three */
  readonly actions?: readonly ResourceAction[];
  /** What others get to see of a record. @defaultValue all that JSON shows of it */
  readonly toRecord?: (record: Item) => unknown;
  /** State key, for events that the contract declares `state`: the latest event of each record is kept. */
  readonly key?: (record: Item) => string;
}

/** Call these after the database has committed: before that, others are told of what may be undone. */
export interface Resource<Item extends object> {
  /** @throws {ScopeValueError} nothing was published @throws what `publish` throws; all of it by rejection */
  created(record: Item): Promise<PublishReceipt>;
  /** `changes` are what changed: `{ title: ["Old", "New"] }`. Throws as `created` does. */
  updated(record: Item, options?: { readonly changes?: RecordChanges }): Promise<PublishReceipt>;
  /** Throws as `created` does. */
  destroyed(record: Item): Promise<PublishReceipt>;
  /**
   * Publishes what `emitter` tells: `created` and `destroyed` with a record, `updated` with a record and `{ changes }`. Never
   * throws into the emitter: a failure goes to `onError`, or else to the logger.
   * @returns its undo
   */
  bind(emitter: RecordEmitter, options?: BindOptions): () => void;
}

export interface ResourceContext {
  readonly publish: (request: PublishRequest) => Promise<PublishReceipt>;
  readonly clock: Pick<Clock, "wallTime">;
  readonly logger: Logger | undefined;
}

/** @throws {UsageError} `usage.bad-argument` */
export function createResource<Item extends object>(
  resource: ResourceName,
  options: ResourceOptions<Item>,
  { publish, clock, logger }: ResourceContext,
): Resource<Item> {
  const { actions = resourceActions, toRecord, key } = options;
  const prefix = resourceKey(resource);
  const recordType = resourceName(resource);
  const scopeOf = scopeReader(options.scope);

  const make = (action: ResourceAction, record: Item, changes?: RecordChanges): TrunklineEvent => {
    const name = `${prefix}.${action}`;
    if (!actions.includes(action)) {
      throw new UsageError(
        "usage.unsupported",
        `${name}: expected one of the resource's actions (${actions.join(", ")}); add it to \`actions\` to publish it`,
      );
    }
    const parts = readFrom(name, () => ({
      scope: scopeOf(record),
      record: toRecord === undefined ? record : toRecord(record),
      ...(key !== undefined && { key: key(record) }),
    }));
    return eventOf({ name, recordType, changes, ...parts }, clock);
  };

  const failed = (error: unknown): void => {
    const { code, message } = error as Partial<TrunklineError>;
    logger?.error("no event could be made of a record", { resource: prefix, code, message });
  };
  const tell = (action: ResourceAction, record: Item, changes?: RecordChanges): Promise<PublishReceipt> => {
    let request: TrunklineEvent;
    try {
      request = make(action, record, changes);
    } catch (error) {
      return handled(Promise.reject(error as Error), failed);
    }
    return publish(request);
  };

  return {
    created: (record) => tell("created", record),
    updated: (record, { changes } = {}) => tell("updated", record, changes),
    destroyed: (record) => tell("destroyed", record),
    bind: (emitter, bindOptions = {}) =>
      bindEmitter(emitter, bindOptions, {
        actions,
        make: (action, record, changes) => make(action, record as Item, changes),
        publish,
        failed,
      }),
  };
}

/** What functions of the application say of a record. */
function readFrom<Parts>(name: string, read: () => Parts): Parts {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof TrunklineError) throw cause;
    throw new UsageError("usage.listener-failed", `${name}: scope, toRecord or key threw; nothing was published`, {
      cause,
    });
  }
}

/** Reads the scope of a record. Its values are checked where the channel is built of them. */
function scopeReader<Item extends object>(scope: ResourceOptions<Item>["scope"] = []): (record: Item) => Scope {
  const parts: readonly (readonly [name: string, read: (record: Item) => unknown])[] = isList(scope)
    ? scope.map((attribute) => [attribute.replace(/_id$|Id$/, ""), (record) => record[attribute]])
    : Object.entries(scope);
  const names = parts.map(([name]) => name);
  if (new Set(names).size < names.length || names.includes("")) {
    throw new UsageError("usage.bad-argument", `scope: expected different names, got ${JSON.stringify(names)}`);
  }
  return (record) => {
    if (typeof record !== "object" || record === null) {
      throw new ScopeValueError(names[0] ?? "", `expected a record, got ${record === null ? "null" : typeof record}`);
    }
    return Object.fromEntries(parts.map(([name, read]) => [name, read(record)])) as Scope;
  };
}

function isList<Item>(scope: readonly (keyof Item & string)[] | object): scope is readonly (keyof Item & string)[] {
  return Array.isArray(scope);
}
