export type * from "./abort-signal.ts";
export type * from "./broker.ts";
export type * from "./registry.ts";
export type * from "./clock.ts";
export type * from "./logger.ts";
export type * from "./metrics.ts";
export type * from "./tracer.ts";
export type * from "./transport.ts";
