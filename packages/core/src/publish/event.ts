// One thing that happened, as listeners get it: a publish request whose data says what, when and to whom it belongs.
import { systemClock } from "../clock/system-clock.ts";
import type { Clock } from "../ports/clock.ts";
import type { PublishRequest } from "../wire/publish-request.ts";
import { allChannel } from "./account.ts";
import { newEventId } from "./event-id.ts";
import { scopedName } from "./routing-key.ts";
import { type Scope, scopeKey } from "./scope.ts";

/** What changed, by attribute. */
export type RecordChanges = Readonly<Record<string, readonly [before: unknown, after: unknown]>>;

/** The data of an event. Listeners get it whole; its fields are named as they are on the wire. */
export interface EventData<Item = unknown> {
  /** 32 hex digits; also the publish id. */
  readonly id: string;
  /** The event's name, without its scope: `post.created`. */
  readonly name: string;
  /** ISO 8601, UTC. */
  readonly occurred_at: string;
  readonly record: Item;
  /** As the resource was named: `Blog::Post`. Absent when it is of no resource. */
  readonly record_type?: string;
  /** The name behind its scope: `organization.1234.post.created`. */
  readonly routing_key: string;
  /** Of an update that told them. */
  readonly changes?: RecordChanges;
}

/** An event on its way to the channel of its scope. */
export interface TrunklineEvent<Item = unknown> extends PublishRequest {
  readonly data: EventData<Item>;
  readonly channel: string;
  readonly id: string;
}

/** What an event is made of. */
export interface EventParts<Item> {
  readonly name: string;
  readonly record: Item;
  readonly scope?: Scope | undefined;
  readonly recordType?: string;
  readonly changes?: RecordChanges | undefined;
  /** State key. */
  readonly key?: string;
}

/** @throws {ScopeValueError} */
export function eventOf<Item>(
  { name, record, scope = {}, recordType, changes, key }: EventParts<Item>,
  clock: Pick<Clock, "wallTime">,
): TrunklineEvent<Item> {
  const id = newEventId();
  const scoped = scopeKey(scope);
  const data: EventData<Item> = {
    id,
    name,
    occurred_at: new Date(clock.wallTime()).toISOString(),
    record,
    ...(recordType !== undefined && { record_type: recordType }),
    routing_key: scopedName(scoped, name),
    ...(changes !== undefined && { changes }),
  };
  const channel = scoped === "" ? allChannel : scoped;
  return { event: name, data, channel, ...(key !== undefined && { key }), id };
}

/**
 * An event of anything: `publisher.publish(event("invoice.paid", invoice, { scope: { organization: 1234 } }))`. It goes to the
 * channel of its scope, `organization.1234`; without one to `all`, the channel that everybody in the account is on.
 * @throws {ScopeValueError}
 */
export function event<Payload>(
  name: string,
  payload: Payload,
  options: {
    readonly scope?: Scope;
    /** State key, when the contract says that the event is `state`. */
    readonly key?: string;
  } = {},
): TrunklineEvent<Payload> {
  return eventOf({ name, record: payload, ...options }, systemClock);
}
