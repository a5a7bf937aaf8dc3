export { ManualClock, type ManualClockOptions } from "@trunkline/core/testing";
export { type MessageFaults } from "./fault-lane.ts";
export { type FaultTransport, faultTransport, type FaultTransportOptions, type LaneFaults } from "./fault-transport.ts";
export { type LossFinding } from "./loss-audit.ts";
export {
  type AcceptedReceipt,
  assertNoLoss,
  type ClientFinding,
  LossError,
  type LossLedger,
  lossLedger,
} from "./loss-ledger.ts";
export { type PublishedEvent } from "./recording-broker.ts";
export { type TestGateway, type TestGatewayOptions, createTestGateway } from "./test-gateway.ts";
