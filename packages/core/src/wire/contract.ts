// What an app says about its events and calls: a run-time value shared by client, gateway and publisher.

/**
 * How events of a type travel (PROTOCOL §5.1): `log` every one, in order, resumable; `state` the latest per key;
 * `volatile` to those who listen now.
 */
export type Delivery = "log" | "state" | "volatile";

export interface EventDefinition<Data = unknown> {
  readonly delivery: Delivery;
  /** Of a `state` event: it says that its key is gone. @defaultValue false */
  readonly deletes?: boolean;
  /** Carries the type alone; never set. */
  readonly data?: Data;
}
export interface CallDefinition<Input = unknown, Output = unknown> {
  /** Carry the types alone; never set. */
  readonly input?: Input;
  readonly output?: Output;
}
export interface Contract {
  readonly events: Readonly<Record<string, EventDefinition>>;
  readonly calls: Readonly<Record<string, CallDefinition>>;
}

/** The data of each event of a contract, by name. */
export type EventsOf<C extends Contract> = {
  [Name in keyof C["events"]]: C["events"][Name] extends EventDefinition<infer Data> ? Data : never;
};

/**
 * Declares an event's data type and delivery class. `event<Config>({ delivery: "state" })` and
 * `event<{ id: string }>({ delivery: "state", deletes: true })` with the same keys: the second removes what the first set.
 * @defaultValue delivery "log", deletes false
 */
export function event<Data = unknown>(
  options: { readonly delivery?: Delivery; readonly deletes?: boolean } = {},
): EventDefinition<Data> {
  const { delivery = "log", deletes } = options;
  return deletes === undefined ? { delivery } : { delivery, deletes };
}

/** Declares the input and output types of a call. */
export function call<Input = unknown, Output = unknown>(): CallDefinition<Input, Output> {
  return {};
}

/**
 * `defineContract({ events: { "post.created": event<Post>(), "cursor.moved": event<Cursor>({ delivery: "volatile" }) } })`
 * Events a contract does not name are `log`.
 */
export function defineContract<
  const Events extends Readonly<Record<string, EventDefinition>>,
  const Calls extends Readonly<Record<string, CallDefinition>> = Record<never, never>,
>(parts: { readonly events: Events; readonly calls?: Calls }): { readonly events: Events; readonly calls: Calls } {
  return { events: parts.events, calls: parts.calls ?? ({} as Calls) };
}

/** What the contract says about `event`; `log` when it does not name it. */
export function definitionOf(contract: Contract | undefined, event: string): EventDefinition {
  const definition =
    contract !== undefined && Object.hasOwn(contract.events, event) ? contract.events[event] : undefined;
  return definition ?? { delivery: "log" };
}
