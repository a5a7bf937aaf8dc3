import { expect, it } from "vitest";
import type { LinkListener } from "../ports/transport.ts";
import { type MemoryTransportOptions, memoryTransport } from "./memory-link.ts";

const request = { url: "ws://memory/", protocols: ["a", "b"] };

function dial(options?: MemoryTransportOptions) {
  const told: unknown[] = [];
  const listener: LinkListener = {
    onOpen: (protocol) => told.push(["open", protocol]),
    onMessage: (data) => told.push(["message", data]),
    onClose: (close) => told.push(["close", close]),
    onPong: () => told.push(["pong"]),
  };
  const memory = memoryTransport(options);
  const link = memory.transport.open(request, listener);
  return { memory, link, peer: memory.last, told };
}

it("tells the listener what the peer does, at once and in order", () => {
  const { peer, told, link } = dial();
  expect(told).toEqual([]);
  peer.accept();
  peer.deliver("one");
  link.send("two");
  peer.close(4410, "resync");
  expect(told).toEqual([
    ["open", "a"],
    ["message", "one"],
    ["close", { code: 4410, reason: "resync" }],
  ]);
  expect(peer.received).toEqual(["two"]);
});

it("counts links opened and alive", () => {
  const { memory, peer, link } = dial();
  expect([memory.peers.length, memory.alive]).toEqual([1, 1]);
  peer.accept("b");
  expect(memory.alive).toBe(1);
  link.terminate();
  expect([memory.peers.length, memory.alive]).toEqual([1, 0]);
  expect(peer.terminated).toBe(true);
});

it("refuses with 1006 and the cause", () => {
  const { peer, told } = dial();
  peer.refuse("no route");
  expect(told).toEqual([["close", { code: 1006, reason: "", cause: "no route" }]]);
});

it("loses what is sent into a half-open link until it is dropped", () => {
  const { peer, told, link, memory } = dial();
  peer.accept();
  peer.vanish();
  link.send("lost");
  link.ping?.();
  link.close(1000, "bye");
  expect([peer.received, peer.pings, peer.closedWith, told.length, memory.alive]).toEqual([[], 0, null, 1, 1]);
  peer.drop();
  expect(told.slice(1)).toEqual([["close", { code: 1006, reason: "" }]]);
});

it("keeps messages, and the close behind them, while paused", () => {
  const { peer, told, link } = dial();
  peer.accept();
  link.pause?.();
  peer.deliver("one");
  peer.close(1001);
  expect(told.length).toBe(1);
  link.resume?.();
  expect(told.slice(1)).toEqual([
    ["message", "one"],
    ["close", { code: 1001, reason: "" }],
  ]);
});

it("tells only the close to a client that leaves while paused", () => {
  const { peer, told, link } = dial();
  peer.accept();
  link.pause?.();
  peer.deliver("one");
  peer.close(1001);
  link.close(1000, "");
  link.terminate();
  expect(told.slice(1)).toEqual([["close", { code: 1001, reason: "" }]]);
});

it("throws when a test asks for what the link's state forbids", () => {
  const { peer } = dial();
  expect(() => peer.deliver("early")).toThrow("expected a link that is open, got connecting");
  peer.accept();
  expect(() => peer.accept()).toThrow("expected a link that is connecting, got open");
  peer.drop();
  expect(() => peer.drop()).toThrow("got a closed one");
  expect(() => memoryTransport().last).toThrow("expected an opened link");
});

it("gives a browser's link neither pause nor ping", () => {
  const { link } = dial({ like: "browser" });
  expect(["pause", "resume", "ping"].filter((method) => method in link)).toEqual([]);
});

it("answers pings at once, or when told to", () => {
  const { peer, link, told } = dial();
  peer.accept();
  link.ping?.();
  peer.autoPong = false;
  link.ping?.();
  expect([peer.pings, told.slice(1)]).toEqual([2, [["pong"]]]);
  peer.pong();
  expect(told.slice(1)).toEqual([["pong"], ["pong"]]);
});
