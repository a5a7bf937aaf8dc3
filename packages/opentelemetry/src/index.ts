export { instrumentHooks, instrumentTransport } from "@trunkline/core/tracing";
export { clientMetrics } from "./client-metrics.ts";
export { instrumentBroker } from "./instrument-broker.ts";
export { instrumentClient } from "./instrument-client.ts";
export { type InstrumentableGateway, instrumentGateway } from "./instrument-gateway.ts";
export { type InstrumentablePublisher, instrumentPublisher } from "./instrument-publisher.ts";
export { type InstrumentOptions } from "./options.ts";
