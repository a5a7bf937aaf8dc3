import { describe, expect, it } from "vitest";
import { type MemoryPeer, memoryTransport } from "./memory-link.ts";
import { type ContractPeer, type ContractServer, transportContract } from "./transport-contract.ts";

/** Values that are put in and taken out in order, waiting for those not there yet. */
class Mailbox<Value> {
  readonly #values: Value[] = [];
  readonly #takers: ((value: Value) => void)[] = [];

  put(value: Value): void {
    const taker = this.#takers.shift();
    if (taker === undefined) this.#values.push(value);
    else taker(value);
  }

  take(): Promise<Value> {
    if (this.#values.length > 0) return Promise.resolve(this.#values.shift() as Value);
    return new Promise((resolve) => this.#takers.push(resolve));
  }
}

function contractPeer(peer: MemoryPeer): ContractPeer {
  const messages = new Mailbox<string | Uint8Array>();
  peer.onReceive = (data) => messages.put(data);
  const ended = async () => {
    while (peer.state !== "closed") await Promise.resolve();
    return peer.closedWith ?? { code: 1006, reason: "" };
  };
  return {
    next: () => messages.take(),
    send: (data) => peer.deliver(data),
    close: (code, reason) => peer.close(code, reason),
    drop: () => peer.drop(),
    get closed() {
      return ended();
    },
  };
}

for (const like of ["node", "browser"] as const) {
  const accepted = new Mailbox<ContractPeer>();
  const silent = new Mailbox<void>();
  const memory = memoryTransport({
    like,
    onLink: (peer) => {
      const { url } = peer.request;
      if (peer.state === "closed") return;
      if (url.includes("silent")) silent.put();
      else if (url.includes("refused")) peer.refuse(new Error("refused"));
      else {
        peer.autoPong = !url.includes("mute");
        peer.accept();
        accepted.put(contractPeer(peer));
      }
    },
  });
  const server: ContractServer = {
    url: "ws://memory/",
    mutePongUrl: "ws://memory/mute",
    silentUrl: "ws://memory/silent",
    refusedUrl: "ws://memory/refused",
    accept: () => accepted.take(),
    silentTaken: () => silent.take(),
    allGone: async () => expect(memory.alive).toBe(0),
    stop: async () => {
      for (const peer of memory.peers) if (peer.state !== "closed") peer.drop();
    },
  };
  transportContract(
    `memory like ${like}`,
    { describe, it, expect },
    {
      transport: memory.transport,
      pings: like === "node",
      pauses: like === "node",
      startServer: async () => server,
    },
  );
}
