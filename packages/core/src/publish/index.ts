export { accountChannel, accountProblem, allChannel, defaultAccount, streamName } from "./account.ts";
export { brokerSend } from "./broker-send.ts";
export { channelMatcher } from "./channel-pattern.ts";
export { event, type EventData, type RecordChanges, type TrunklineEvent } from "./event.ts";
export { newEventId } from "./event-id.ts";
export { EventRegistry, type ResourceAction } from "./event-registry.ts";
export { isTooDeep, tooDeep } from "./json-depth.ts";
export { patternPushStream, type PatternPush, pushProblem, readPatternPush } from "./pattern-push.ts";
export {
  type AcceptedEvent,
  createPublishing,
  operatorPrefix,
  type Publishing,
  type PublishingOptions,
  type PublishObserver,
  type PublishOutcome,
  type PublishScope,
  receiptOf,
} from "./publishing.ts";
export { qualified } from "./qualified.ts";
export type { BindOptions, RecordEmitter } from "./record-emitter.ts";
export type { Resource, ResourceOptions } from "./resource.ts";
export { type ResourceName, resourceKey, routingKey } from "./routing-key.ts";
export { type Scope, scopeKey, ScopeValueError } from "./scope.ts";
export { createVerbs, type Publishes, type PubOptions, type VerbsOptions, verbsAround } from "./verbs.ts";
export { abortedError, expectTimeout, type WaitOptions } from "./wait.ts";
