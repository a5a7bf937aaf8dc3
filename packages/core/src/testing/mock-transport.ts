import { type MemoryTransport, type MemoryTransportOptions, memoryTransport } from "./memory-link.ts";

/**
 * `memoryTransport` with a server that accepts every link, unless `onLink` is another:
 * `const { transport, last } = mockTransport()`; `last.received` is what the client sent.
 */
export function mockTransport({
  onLink = (peer) => peer.accept(),
  ...rest
}: MemoryTransportOptions = {}): MemoryTransport {
  return memoryTransport({ ...rest, onLink });
}
