export {
  event,
  type BindOptions,
  type EventData,
  EventRegistry,
  type Publishes,
  type PubOptions,
  qualified,
  type RecordChanges,
  type RecordEmitter,
  type Resource,
  type ResourceAction,
  resourceKey,
  type ResourceName,
  type ResourceOptions,
  routingKey,
  type Scope,
  scopeKey,
  ScopeValueError,
  type TrunklineEvent,
  type WaitOptions,
} from "@trunkline/core/publish";
export { channelName, defaultNamespace } from "./channel-name.ts";
export { createPublisher, type Publisher } from "./create-publisher.ts";
export type { PublishFetch } from "./http-request.ts";
export {
  type BrokerPublisherOptions,
  httpDefaults,
  type HttpPublisherOptions,
  type PublisherOptions,
  type RedisPublisherOptions,
} from "./options.ts";
export type { RedisTarget } from "./redis-route.ts";
