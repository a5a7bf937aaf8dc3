// What an app says about its events and calls: a run-time value shared by client, gateway and publisher.

/**
 * How events of a type travel (PROTOCOL §5.1): `log` every one, in order, resumable; `state` the latest per key;
 * `volatile` to those who listen now.
 */
export type Delivery = "log" | "state" | "volatile";

export interface EventDefinition<Data = unknown> {
  readonly delivery: Delivery;
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

/** Declares an event's data type and delivery class. @defaultValue delivery "log" */
export function event<Data = unknown>(options: { readonly delivery?: Delivery } = {}): EventDefinition<Data> {
  return { delivery: options.delivery ?? "log" };
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

/** The delivery class of `event`; `log` when the contract does not name it. */
export function deliveryOf(contract: Contract | undefined, event: string): Delivery {
  const definition =
    contract !== undefined && Object.hasOwn(contract.events, event) ? contract.events[event] : undefined;
  return definition?.delivery ?? "log";
}
