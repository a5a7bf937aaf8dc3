export { type PublicKey, type SecretKey } from "./auth/api-key.ts";
export { type Authenticator, type Entry, RequestAuthenticator, requestAuthenticator } from "./auth/authenticator.ts";
export { type JwtOptions, jwt } from "./auth/jwt.ts";
export { type AnonymousPrincipal, type Principal, type PrincipalRights, type UserPrincipal } from "./auth/principal.ts";
export { type RequestInfo } from "./auth/request-info.ts";
export { type SignTokenOptions, signToken } from "./auth/sign-token.ts";
export { type TokenClaims } from "./auth/token-claims.ts";
export { type KeyInput } from "./auth/token-keys.ts";
export {
  type Subscription,
  type SubscriptionSecret,
  type SubscriptionTokensOptions,
  signSubscription,
  subscriptionTokens,
} from "./auth/subscription-token.ts";
export { type Connection } from "./connection.ts";
export { type ConnectionFilter } from "./control-command.ts";
export { createGateway } from "./create-gateway.ts";
export { type Dialect } from "./dialect.ts";
export { type Address, type ListenOptions } from "./doors/own-server.ts";
export { type Gateway } from "./gateway.ts";
export { type GatewayEvents, type GatewayListener } from "./gateway-events.ts";
export {
  type ChannelHandler,
  type ChannelListener,
  defineListener,
  type ListenerContext,
  type ListenerGap,
  type ListenerOptions,
} from "@trunkline/core/listener";
export { type Incoming, type IncomingData } from "./incoming.ts";
export { type MemoryBrokerOptions, memoryBroker } from "./memory-broker.ts";
export { type StatsSnapshot } from "./metrics.ts";
export {
  type Authorize,
  type GatewayLimits,
  type GatewayOptions,
  type Permission,
  type PresenceLimits,
  type PublishAttempt,
  type SubscribeRequest,
  gatewayDefaults,
} from "./options.ts";
export { newConnectionId, signConnectionId, verifyConnectionId } from "./pages/connection-id.ts";
export { connectionKey, legacyDigest } from "./pages/connection-key.ts";
export { type MemoryRegistryOptions, memoryRegistry } from "./pages/memory-registry.ts";
export { injectConnectionId } from "./pages/page-html.ts";
export { type HmacKey, type PageKeys, pageKeys } from "./pages/page-keys.ts";
export { type SessionRequest, type SessionStore } from "./pages/page-sessions.ts";
export { type SessionKey, readSessionKey, sessionKeyOf, setCookieText } from "./pages/session-key.ts";
export { type AuthorizePresence, type PresenceAttempt } from "./presence/attendance.ts";
export { type Member } from "./presence/member.ts";
export { type Page, type PageChannels } from "./pages/page.ts";
export { type PagesOptions } from "./pages/page-options.ts";
export { type NeutralPage, type PageRequest } from "./pages/pages.ts";
export { type LogPayload, type LoggedEvent } from "./publish-log.ts";
export { type DisconnectOptions } from "./revocation.ts";
export {
  type DecideScope,
  type PathScopeOptions,
  type RequestScope,
  type ScopeVisitor,
  pathScope,
  requestScope,
} from "./scope.ts";
export type { Serialize, SerializedEvent } from "./hub/serializer.ts";
export { qualified } from "@trunkline/core/publish";
export { type SubscriptionSource, type Visitor, byAccount, byPath, byScope } from "./subscription-source.ts";
