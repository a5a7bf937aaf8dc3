export { ManualClock, type ManualClockOptions } from "./manual-clock.ts";
export { MemoryPeer, type MemoryTransport, type MemoryTransportOptions, memoryTransport } from "./memory-link.ts";
