export {
  type ChannelListener,
  defineListener,
  type ListenerChannels,
  type ListenerOptions,
  type ListenerRoute,
  type NamedHandler,
} from "./define-listener.ts";
export { dispatch, dispatchGap, type HandlerFailed } from "./dispatch.ts";
export type { ChannelHandler, ListenerContext, ListenerGap, ListenerMeta } from "./listener-context.ts";
