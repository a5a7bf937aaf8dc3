import type { MemoryPeer } from "./memory-link.ts";

/** A server that accepts every link and says again what it is told, in order: `mockTransport({ onLink: echoServer() })`. */
export function echoServer(): (peer: MemoryPeer) => void {
  return (peer) => {
    // A turn later, as over a network: what was sent has left before it is answered.
    peer.onReceive = (data) =>
      void Promise.resolve().then(() => {
        if (peer.state === "open") peer.deliver(data);
      });
    peer.accept();
  };
}
