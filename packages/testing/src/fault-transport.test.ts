import type { Link, LinkClose } from "@trunkline/core/ports";
import {
  type ContractPeer,
  type ContractServer,
  type MemoryPeer,
  memoryTransport,
  transportContract,
} from "@trunkline/core/testing";
import { describe, expect, it } from "vitest";
import { faultTransport, type FaultTransportOptions, ManualClock } from "./index.ts";

function open(options: FaultTransportOptions = {}) {
  const clock = new ManualClock();
  const memory = memoryTransport();
  const transport = faultTransport(memory.transport, { clock, ...options });
  const told: string[] = [];
  let close: LinkClose | null = null;
  const dial = (): Link =>
    transport.open(
      { url: "ws://memory/", protocols: [] },
      {
        onOpen: () => told.push("open"),
        onMessage: (data) => told.push(String(data)),
        onClose: (given) => {
          close = given;
          told.push(`close ${given.code}`);
        },
        onPong: () => told.push("pong"),
      },
    );
  const link = dial();
  memory.peers[0]?.accept();
  return { clock, memory, transport, told, link, dial, peer: memory.last, close: () => close };
}

const letters = ["a", "b", "c", "d", "e", "f", "g", "h"];

describe("a link with faults", () => {
  it("loses messages", () => {
    const { told, link, peer } = open({ toClient: { drop: 1 }, toGateway: { drop: 1 } });
    peer.deliver("a");
    link.send("b");
    expect(told).toEqual(["open"]);
    expect(peer.received).toEqual([]);
  });

  it("loses the same messages for the same seed, and others for another", () => {
    const heard = (seed: number): string[] => {
      const { told, peer } = open({ seed, toClient: { drop: 0.5 } });
      for (const letter of letters) peer.deliver(letter);
      return told.slice(1);
    };
    expect(heard(7)).toEqual(heard(7));
    expect(heard(7)).not.toEqual(heard(8));
    expect(heard(7).length).toBeGreaterThan(0);
    expect(heard(7).length).toBeLessThan(letters.length);
  });

  it("delivers messages twice", () => {
    const { told, link, peer } = open({ toClient: { duplicate: 1 }, toGateway: { duplicate: 1 } });
    peer.deliver("a");
    link.send("b");
    expect(told).toEqual(["open", "a", "a"]);
    expect(peer.received).toEqual(["b", "b"]);
  });

  it("delivers messages late and in order, and the close behind them", () => {
    const { told, clock, peer } = open({ toClient: { delayMs: [10, 500] } });
    clock.advance(500);
    for (const letter of letters) peer.deliver(letter);
    peer.close(4410);
    clock.advance(9);
    expect(told).toEqual(["open"]);
    clock.advance(491);
    expect(told).toEqual(["open", ...letters, "close 4410"]);
  });

  it("delivers a message behind later ones, and none behind the close", () => {
    const { told, clock, transport, peer } = open();
    transport.set({ toClient: { reorder: 1, reorderMs: 20 } });
    peer.deliver("a");
    transport.set({});
    peer.deliver("b");
    expect(told).toEqual(["open"]);
    clock.advance(0);
    expect(told).toEqual(["open", "b"]);
    peer.close(1000);
    clock.advance(20);
    expect(told).toEqual(["open", "b", "a", "close 1000"]);
  });

  it("is as slow as asked", () => {
    const { told, clock, link, peer } = open({ toClient: { bytesPerSecond: 10 }, toGateway: { bytesPerSecond: 10 } });
    peer.deliver("12345");
    peer.deliver("67890");
    link.send("12345");
    expect(link.bufferedAmount).toBe(5);
    clock.advance(500);
    expect(told).toEqual(["open", "12345"]);
    expect(peer.received).toEqual(["12345"]);
    expect(link.bufferedAmount).toBe(0);
    clock.advance(500);
    expect(told).toEqual(["open", "12345", "67890"]);
  });

  it("is cut by chance, behind a message", () => {
    const { told, peer, transport } = open({ toClient: { cut: 1 } });
    peer.deliver("a");
    expect(told).toEqual(["open", "a", "close 1006"]);
    expect(transport.links).toBe(0);
  });

  it("is cut behind a message that is late, not before it", () => {
    const { told, clock, peer, transport } = open();
    transport.set({ toClient: { cut: 1, delayMs: 10 } });
    peer.deliver("a");
    peer.deliver("b");
    clock.advance(10);
    expect(told).toEqual(["open", "a", "close 1006"]);
  });

  it("lets a client dial again at the very moment of a cut", () => {
    const memory = memoryTransport();
    const transport = faultTransport(memory.transport);
    let dials = 0;
    const dial = (): void => {
      dials += 1;
      transport.open(
        { url: "ws://memory/", protocols: [] },
        { onOpen: () => {}, onMessage: () => {}, onClose: () => dial() },
      );
    };
    dial();
    memory.last.accept();
    transport.cut();
    expect(dials).toBe(2);
    expect(transport.links).toBe(1);
  });

  it("is cut when asked: 1006 at once, what is under way is lost", () => {
    const { told, clock, transport, peer, close } = open({ toClient: { delayMs: 10 } });
    clock.advance(10);
    peer.deliver("a");
    transport.cut();
    expect(told).toEqual(["open", "close 1006"]);
    expect(close()?.cause).toMatchObject({ code: "link.lost" });
    expect(peer.terminated).toBe(true);
    clock.advance(1_000);
    expect(told).toHaveLength(2);
  });

  it("is half-open: takes what is sent, delivers nothing, tells nobody", () => {
    const { told, clock, transport, link, peer } = open();
    transport.halfOpen();
    peer.deliver("a");
    link.send("b");
    link.ping?.();
    peer.close(1000);
    clock.advance(3_600_000);
    expect(told).toEqual(["open"]);
    expect(peer.received).toEqual([]);
    link.terminate();
    expect(told).toEqual(["open", "close 1006"]);
  });

  it("is half-open: a close is given up after its timeout, and the gateway never hears of it", () => {
    const { told, clock, transport, link, peer } = open();
    transport.halfOpen();
    link.close(1000, "bye");
    clock.advance(9_999);
    expect(told).toEqual(["open"]);
    clock.advance(1);
    expect(told).toEqual(["open", "close 1006"]);
    expect(peer.state).toBe("open");
    expect(clock.timers).toBe(0);
  });

  it("sleeps: both directions stand still, then all arrives at once", () => {
    const { told, transport, link, peer } = open();
    transport.sleep();
    for (const letter of letters) peer.deliver(letter);
    link.send("up");
    peer.close(1001);
    expect(told).toEqual(["open"]);
    transport.wake();
    expect(told).toEqual(["open", ...letters, "close 1001"]);
  });

  it("wakes to a broken link", () => {
    const { told, transport, link, peer } = open();
    transport.sleep();
    peer.deliver("a");
    link.send("up");
    transport.wake({ cut: true });
    expect(told).toEqual(["open", "close 1006"]);
    expect(peer.received).toEqual([]);
  });

  it("does not open while it sleeps", () => {
    const { told, transport, dial, memory } = open();
    transport.sleep();
    dial();
    memory.last.accept();
    expect(told).toEqual(["open"]);
    transport.wake();
    expect(told).toEqual(["open", "open"]);
  });

  it("closed while it sleeps: drops what is held back, and the peer hears of it when it wakes", () => {
    const { told, transport, link, peer, clock } = open();
    transport.sleep();
    peer.deliver("a");
    link.close(1000, "bye");
    expect(told).toEqual(["open"]);
    transport.wake();
    expect(told).toEqual(["open", "close 1000"]);
    expect(peer.closedWith).toEqual({ code: 1000, reason: "bye" });
    expect(clock.timers).toBe(0);
  });

  it("is refused as often as asked", async () => {
    const { told, transport, dial, memory } = open();
    transport.refuse(1);
    dial();
    expect(told).toEqual(["open"]);
    await Promise.resolve();
    expect(told).toEqual(["open", "close 1006"]);
    dial();
    expect(memory.peers).toHaveLength(2);
    transport.refuse();
    dial();
    dial();
    transport.accept();
    dial();
    expect(memory.peers).toHaveLength(3);
  });

  it("holds delayed messages back while paused", () => {
    const { told, clock, link, peer } = open({ toClient: { delayMs: 10 } });
    clock.advance(10);
    peer.deliver("a");
    link.pause?.();
    clock.advance(10);
    expect(told).toEqual(["open"]);
    link.resume?.();
    expect(told).toEqual(["open", "a"]);
  });

  it("leaves no timer behind", () => {
    const { clock, link, peer } = open({ toClient: { delayMs: 10 } });
    peer.deliver("a");
    link.terminate();
    expect(clock.timers).toBe(0);
  });
});

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
    while (peer.state !== "closed") await new Promise((resolve) => void setImmediate(resolve));
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

/** Delays change when things are told, and none of what is promised. */
for (const [what, like, faults] of [
  ["without faults, like node", "node", {}],
  ["without faults, like a browser", "browser", {}],
  ["with delays", "node", { toClient: { delayMs: [0, 2] }, toGateway: { delayMs: [0, 2] } }],
] as const) {
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
    allGone: async () => {
      while (memory.alive > 0) await new Promise((resolve) => void setImmediate(resolve));
    },
    stop: async () => {
      for (const peer of memory.peers) if (peer.state !== "closed") peer.drop();
    },
  };
  transportContract(
    `faults: ${what}`,
    { describe, it, expect },
    {
      transport: faultTransport(memory.transport, faults),
      pings: like === "node",
      pauses: like === "node",
      startServer: async () => server,
    },
  );
}
