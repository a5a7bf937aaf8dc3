export { type Codec, jsonCodec } from "./codec.ts";
export {
  type Checked,
  checkFrame,
  clientShapes,
  gatewayShapes,
  type Shape,
  type ShapeFields,
  shapeProblem,
} from "./check-frame.ts";
export { CloseCode, MessageType, type RetryRule, browserCloseCode, meantCloseCode, retryRule } from "./codes.ts";
export {
  type CallDefinition,
  type Contract,
  type Delivery,
  type EventDefinition,
  type EventsOf,
  call,
  defineContract,
  definitionOf,
  event,
} from "./contract.ts";
export { type EventStreamState, type StreamEvent, eventStreamStart, readEventStream } from "./event-stream-text.ts";
export type * from "./frame.ts";
export {
  byteLength,
  channelProblem,
  type CompanionKind,
  companion,
  companionOf,
  eventNameProblem,
  idProblem,
  maxChannelBytes,
  maxCloseReasonBytes,
  maxEventNameBytes,
  maxHelloBytes,
  maxIdBytes,
  maxMemberBytes,
  maxMetaBytes,
  maxRewind,
  maxTokenBytes,
  reservedEventNames,
  streamNameProblem,
  truncateBytes,
} from "./limits.ts";
export { connectionAttribute, connectionParam } from "./page.ts";
export { type PublishReceipt, type PublishRequest, publishProblem } from "./publish-request.ts";
export { socketUrl } from "./socket-url.ts";
export { untraced } from "./untraced.ts";
export { protocolHeader, publishPath, socketPath, streamPath, subprotocol, version } from "./version.ts";
