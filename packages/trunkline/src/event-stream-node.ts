export { type EventStreamTransportOptions, eventStreamTransport } from "@trunkline/transport-node";
