export { ManualClock, type ManualClockOptions } from "./manual-clock.ts";
export { MemoryPeer, type MemoryTransport, type MemoryTransportOptions, memoryTransport } from "./memory-link.ts";
export {
  type ContractFramework,
  type ContractPeer,
  type ContractServer,
  type ContractSubject,
  transportContract,
} from "./transport-contract.ts";
export { type Replayed, replay, type SessionLine, sessionDefaults } from "./replay.ts";
export { mockTransport } from "./mock-transport.ts";
export { echoServer } from "./echo-server.ts";
export { type HookCall, mockHooks, type MockHooks } from "./mock-hooks.ts";
