export { type RunListenerOptions, type RunningListener, runListener } from "@trunkline/core";
export {
  type ChannelHandler,
  type ChannelListener,
  defineListener,
  type ListenerContext,
  type ListenerGap,
  type ListenerOptions,
} from "@trunkline/core/listener";
