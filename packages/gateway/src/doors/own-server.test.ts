import type { ServerResponse } from "node:http";
import { type Socket, connect } from "node:net";
import { ManualClock } from "@trunkline/core/testing";
import { expect, it, onTestFinished } from "vitest";
import { openServer } from "./own-server.ts";

/** A server by a clock that stands still: what closes, closes by itself. */
async function serve() {
  const clock = new ManualClock();
  const asked: ServerResponse[] = [];
  const arrivals: (() => void)[] = [];
  const take = (_: unknown, response: ServerResponse): boolean => {
    asked.push(response);
    arrivals.shift()?.();
    return true;
  };
  const server = openServer({ port: 0 }, take, () => false, clock);
  const { port } = await server.opened;
  return {
    clock,
    close: () => server.close(),
    /** A connection that has sent `text`, and what it got by its end. */
    dial: async (text = ""): Promise<{ readonly socket: Socket; readonly got: Promise<string> }> => {
      const socket = connect(port, "127.0.0.1");
      onTestFinished(() => void socket.destroy());
      let got = "";
      socket.on("data", (data) => (got += String(data)));
      const ended = new Promise<string>((resolve) => void socket.once("close", () => resolve(got)));
      await new Promise<void>((resolve) => void socket.once("connect", resolve));
      socket.write(text);
      return { socket, got: ended };
    },
    /** The next request's response. */
    request: async (): Promise<ServerResponse> => {
      if (asked.length === 0) await new Promise<void>((resolve) => void arrivals.push(resolve));
      return asked.shift() as ServerResponse;
    },
  };
}

/** A close begins once the server is known to listen. */
const underWay = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

const get = "GET / HTTP/1.1\r\nHost: here\r\n\r\n";

it("closes at once while clients hold connections on which nothing is asked", async () => {
  const { dial, request, close } = await serve();
  const silent = await dial();
  const keptAlive = await dial(get);
  (await request()).end("first");
  await new Promise<void>((resolve) => void keptAlive.socket.once("data", () => resolve()));
  await close();
  expect(await silent.got).toBe("");
  expect(await keptAlive.got).toMatch(/first$/);
});

it("answers what was asked before it closes, and keeps no connection alive for more", async () => {
  const { dial, request, close } = await serve();
  const client = await dial(get);
  const response = await request();
  const closed = close();
  await underWay();
  response.end("last");
  await closed;
  expect(await client.got).toMatch(/last$/);
});

it("waits for a request that does not end, but not for ever", async () => {
  const { clock, dial, request, close } = await serve();
  const client = await dial(get);
  await request();
  const closed = close();
  await underWay();
  clock.advance(2000);
  await closed;
  expect(await client.got).toBe("");
});
