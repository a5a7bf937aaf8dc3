// What modules in packages of their own are made of, beside the public face of a client. No part of the documented API.
export { schedule } from "./client/backoff.ts";
export { type Deferred, deferred, wait, type WaitOptions } from "./drive/deferred.ts";
export { findLine, type Line } from "./drive/line.ts";
export { subscribeAll, unsubscribeAll } from "./drive/line-streams.ts";
