export { type Connection, createConnection, type DialOptions, type Message } from "./drive/connection.ts";
export { createClient } from "./drive/create-client.ts";
export type {
  Client,
  CloseOptions,
  EventArgs,
  EventMeta,
  EventName,
  Gap,
  Granted,
  Health,
  Lifecycle,
  Resumed,
  SubscribeOptions,
} from "./drive/client.ts";
export { findLine, shareLine } from "./drive/line.ts";
export { createOutbox, type Outbox, type OutboxOptions, type PublishOptions } from "./drive/outbox.ts";
export { type RunListenerOptions, type RunningListener, runListener } from "./drive/run-listener.ts";
export { refreshToken } from "./drive/refresh-token.ts";
export { type Loaded, type LoadRequest, sync, type Synced, type SyncOptions } from "./drive/sync.ts";
export type { Changes, DeletedItem, Item, ItemChange, ItemVersion, ReadAt } from "./client/item-table.ts";
export type { PlatformSignal } from "./ports/abort-signal.ts";
export type { SyncStatus } from "./client/sync.ts";
export type { Position } from "./wire/frame.ts";
export type { PublishReceipt } from "./wire/publish-request.ts";
export type { WaitOptions } from "./drive/deferred.ts";
export { type ClientOptions, clientDefaults, type GetToken } from "./drive/options.ts";
export type { Dialect } from "./wire/dialect.ts";
export type { StreamHealth, StreamState } from "./client/channel-table.ts";
export type { Phase, Status } from "./client/state.ts";
export {
  type Backoff,
  exponential,
  type ExponentialOptions,
  geometric,
  type GeometricOptions,
  schedule,
} from "./client/backoff.ts";
export { events, type EventsOptions } from "./events.ts";
export type { ListenOptions, Listener } from "./emitter.ts";
export {
  AlreadyClosedError,
  type ErrorCode,
  GatewayError,
  LinkError,
  PeerError,
  TransportCloseError,
  TrunklineError,
  UsageError,
} from "./errors.ts";
export { call, defineContract, event } from "./wire/contract.ts";
export type { CallDefinition, Contract, Delivery, EventDefinition, EventsOf } from "./wire/contract.ts";
export { version } from "./wire/version.ts";
