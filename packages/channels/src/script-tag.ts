// The script tag's `trunkline`: all that trunkline.min.js has, and channels on it, in one file.
export {
  call,
  clientDefaults,
  createClient,
  defineContract,
  event,
  events,
  exponential,
  GatewayError,
  geometric,
  LinkError,
  PeerError,
  schedule,
  TrunklineError,
  UsageError,
  version,
} from "trunkline";
export { createChannels } from "./create-channels.ts";
