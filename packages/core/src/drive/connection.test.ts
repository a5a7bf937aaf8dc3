// What needs a peer that does exactly as told; rows G-42 … G-46 run over every transport in the transport contract.
import { expect, it } from "vitest";
import { memoryTransport, type MemoryTransportOptions } from "../testing/memory-link.ts";
import { createConnection } from "./connection.ts";

async function dialled(options?: MemoryTransportOptions) {
  const memory = memoryTransport(options);
  const connection = createConnection(memory.transport);
  const dialling = connection.dial("ws://memory/");
  memory.last.accept();
  await dialling;
  return { connection, memory, peer: memory.last };
}

it("pauses the link above 1,000 unread messages and resumes it at 500", async () => {
  const { connection, peer } = await dialled();
  for (let index = 0; index < 1000; index++) peer.deliver(String(index));
  expect(peer.paused).toBe(false);
  peer.deliver("1000");
  expect(peer.paused).toBe(true);
  for (let index = 0; index < 500; index++) await connection.read();
  expect(peer.paused).toBe(true);
  await connection.read();
  expect(peer.paused).toBe(false);
  expect((await connection.read()).data).toBe("501");
});

it("gives up a link that can't be paused at 10,000 unread messages, all of which can still be read", async () => {
  const { connection, peer, memory } = await dialled({ like: "browser" });
  for (let index = 0; index < 10_000; index++) peer.deliver(String(index));
  expect(memory.alive).toBe(0);
  expect(peer.closedWith).toEqual({ code: 1008, reason: "too many unread messages" });
  for (let index = 0; index < 10_000; index++) expect((await connection.read()).data).toBe(String(index));
  await expect(connection.read()).rejects.toMatchObject({ name: "TransportCloseError", closeCode: 1008 });
});

it("G-46 each pong releases the oldest ping, and an aborted one keeps its place", async () => {
  const { connection, peer } = await dialled();
  peer.autoPong = false;
  const released: string[] = [];
  const abort = new AbortController();
  const first = connection.ping().then(() => released.push("first"));
  const second = connection.ping({ signal: abort.signal });
  const third = connection.ping().then(() => released.push("third"));
  abort.abort("no patience");
  await expect(second).rejects.toMatchObject({ code: "usage.aborted", cause: "no patience" });
  peer.pong();
  await first;
  peer.pong(); // the aborted one's
  await Promise.resolve();
  expect(released).toEqual(["first"]);
  peer.pong();
  await third;
  expect(released).toEqual(["first", "third"]);
});

it("G-46 a ping whose signal is aborted already is never sent", async () => {
  const { connection, peer } = await dialled();
  await expect(connection.ping({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "usage.aborted" });
  expect(peer.pings).toBe(0);
});

it("frees the slot at once when closing a half-open link, and resolves when the link ends", async () => {
  const { connection, memory, peer } = await dialled();
  peer.vanish();
  let ended = false;
  const closing = connection.close().then(() => (ended = true));
  const dialling = connection.dial("ws://memory/again");
  memory.last.accept();
  await dialling;
  expect(ended).toBe(false);
  peer.drop();
  await closing;
  memory.last.deliver("on the new link");
  expect((await connection.read()).data).toBe("on the new link");
});

it("does not open a link for a signal that is aborted already", async () => {
  const memory = memoryTransport();
  const dialling = createConnection(memory.transport).dial("ws://memory/", { signal: AbortSignal.abort() });
  await expect(dialling).rejects.toMatchObject({ code: "usage.aborted" });
  expect(memory.peers).toEqual([]);
});
