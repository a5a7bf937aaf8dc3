// The hand-written RFC 6455 ends, and transport-node against a server that misbehaves.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type { LinkClose } from "@trunkline/core/ports";
import { type WebSocketTransportOptions, webSocketTransport } from "@trunkline/transport-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { type RawClient, rawClient } from "../support/rfc6455-client.ts";
import { Opcode, readClose } from "../support/rfc6455-frames.ts";
import { type RawServer, type RawServerPeer, rawServer } from "../support/rfc6455-server.ts";

describe("the raw client against a ws server", () => {
  let server: WebSocketServer;
  let url: string;
  const clients: RawClient[] = [];

  const connect = async (...[path, options]: [string?, Parameters<typeof rawClient>[1]?]) => {
    const client = await rawClient(`${url}${path ?? "/"}`, options);
    clients.push(client);
    return client;
  };

  beforeEach(async () => {
    server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    await once(server, "listening");
    url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.drop()));
    server.close();
  });

  it("upgrades with its own path, headers and subprotocols", async () => {
    const accepted = once(server, "connection");
    const client = await connect("/a?b=c", { protocols: ["one", "two"], headers: { "X-Test": "yes" } });
    const [, request] = (await accepted) as [WebSocket, { url: string; headers: Record<string, string> }];
    expect([request.url, request.headers["x-test"]]).toEqual(["/a?b=c", "yes"]);
    expect([client.response.status, client.response.acceptValid, client.protocol]).toEqual([101, true, "one"]);
  });

  it("tells a refusal with its status and body", async () => {
    const client = await connect("/", { headers: { "Sec-WebSocket-Version": "99" } });
    expect(client.response.status).toBe(400);
    expect(await client.response.body).toContain("Sec-WebSocket-Version");
  });

  it("sends text, binary, pings and fragments, and reads frames of every length", async () => {
    server.on("connection", (socket) =>
      socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary })),
    );
    const client = await connect();
    for (const length of [0, 125, 126, 65_535, 65_536]) {
      client.text("x".repeat(length));
      const frame = await client.next();
      expect([frame?.opcode, frame?.fin, frame?.masked, frame?.payload.length]).toEqual([1, true, false, length]);
    }
    client.send(Opcode.text, "frag", { fin: false });
    client.send(Opcode.ping, "between");
    client.send(Opcode.continuation, "ments");
    client.send(Opcode.binary, Uint8Array.of(1, 2));
    const frames = [await client.next(), await client.next(), await client.next()];
    expect(frames.map((frame) => [frame?.opcode, frame?.payload.toString("latin1")])).toEqual([
      [Opcode.pong, "between"],
      [Opcode.text, "fragments"],
      [Opcode.binary, "\x01\x02"],
    ]);
  });

  it("closes with a code and reads the answer, then the end", async () => {
    const client = await connect();
    client.close(4000, "bye");
    const frame = await client.next();
    expect([frame?.opcode, frame && readClose(frame).code]).toEqual([Opcode.close, 4000]);
    expect(await client.next()).toBe(null);
    expect(await client.next()).toBe(null);
  });

  it("writes frames a library would not: the server answers an unmasked one with 1002", async () => {
    server.on("connection", (socket) => socket.on("error", () => {}));
    const client = await connect();
    client.send(Opcode.text, "unmasked", { masked: false });
    const frame = await client.next();
    expect(frame && readClose(frame).code).toBe(1002);
  });
});

describe("transport-node against a server that misbehaves", () => {
  let server: RawServer;
  beforeEach(async () => {
    server = await rawServer();
  });
  afterEach(() => server.stop());

  const dial = async (protocols: readonly string[] = [], options?: WebSocketTransportOptions) => {
    const told: (string | Uint8Array)[] = [];
    let resolveClosed: (close: LinkClose) => void;
    let resolveOpened: () => void;
    const closed = new Promise<LinkClose>((resolve) => (resolveClosed = resolve));
    const opened = new Promise<void>((resolve) => (resolveOpened = resolve));
    const pongs: number[] = [];
    const link = webSocketTransport(options).open(
      { url: `${server.url}?api_key=SECRET`, protocols },
      {
        onOpen: () => resolveOpened(),
        onMessage: (data) => told.push(data),
        onClose: (close) => resolveClosed(close),
        onPong: () => pongs.push(told.length),
      },
    );
    return { link, told, closed, opened, pongs, peer: await server.accept() };
  };
  /** Dials, upgrades, lets the peer act, and waits for the end. */
  const endAfter = async (act: (peer: RawServerPeer) => void, options?: WebSocketTransportOptions) => {
    const { closed, opened, peer, told } = await dial([], options);
    peer.upgrade();
    await opened;
    act(peer);
    return { told, close: await closed, peer };
  };
  const failed = (code: string, message: RegExp) => ({
    code: 1006,
    cause: { code, message: expect.stringMatching(message) as string },
  });

  it("puts fragments together and answers a ping between them", async () => {
    const { peer, opened, told, closed } = await dial();
    peer.upgrade();
    await opened;
    peer.send(Opcode.text, "one ", { fin: false });
    peer.send(Opcode.ping, "still there?");
    peer.send(Opcode.continuation, "", { fin: false });
    peer.send(Opcode.continuation, "message");
    const pong = await peer.next();
    expect([pong?.opcode, pong?.masked, pong?.payload.toString()]).toEqual([Opcode.pong, true, "still there?"]);
    peer.close(1000);
    await closed;
    expect(told).toEqual(["one message"]);
  });

  it("reads a message that arrives in the same packet as the handshake", async () => {
    const { peer, told, closed } = await dial();
    peer.socket.cork();
    peer.upgrade();
    peer.send(Opcode.text, "at once");
    peer.close(1000);
    peer.socket.uncork();
    await closed;
    expect(told).toEqual(["at once"]);
  });

  for (const [what, headers, message] of [
    ["the wrong accept key", { "Sec-WebSocket-Accept": "bm90IHRoZSBrZXk=" }, /Sec-WebSocket-Accept/],
    ["another Upgrade", { Upgrade: "h2c" }, /Upgrade/],
    ["a subprotocol that was not offered", { "Sec-WebSocket-Protocol": "graphql" }, /subprotocol/],
    ["an extension that was not offered", { "Sec-WebSocket-Extensions": "permessage-deflate" }, /Extensions/],
  ] as const) {
    it(`refuses a handshake with ${what}`, async () => {
      const { peer, closed } = await dial();
      peer.upgrade(headers);
      expect(await closed).toMatchObject(failed("link.lost", message));
      await peer.gone;
    });
  }

  it("fails when none of the offered subprotocols is selected", async () => {
    const { peer, closed } = await dial(["trunkline.v1"]);
    expect(peer.header("Sec-WebSocket-Protocol")).toBe("trunkline.v1");
    peer.upgrade();
    expect(await closed).toMatchObject(failed("link.lost", /no subprotocol/));
  });

  it("fails when the connection ends in the middle of the handshake", async () => {
    const { peer, closed } = await dial();
    peer.socket.end("HTTP/1.1 101 Switching Protocols\r\nUpgrade: web");
    expect(await closed).toMatchObject(failed("link.lost", /failed/));
  });

  it("hangs up on a server that never finishes the handshake, when told to", async () => {
    const { peer, link, closed } = await dial();
    peer.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n");
    link.close(1000, "");
    expect(await closed).toMatchObject({ code: 1006 });
    await peer.gone;
  });

  for (const [what, act, closeCode, message] of [
    ["a masked frame", (peer: RawServerPeer) => peer.send(Opcode.text, "x", { masked: true }), 1002, /MASK/],
    ["a reserved opcode", (peer: RawServerPeer) => peer.send(3, "x"), 1002, /opcode/],
    ["reserved bits", (peer: RawServerPeer) => peer.write(Uint8Array.of(0xf1, 0)), 1002, /RSV/],
    ["a fragmented ping", (peer: RawServerPeer) => peer.send(Opcode.ping, "", { fin: false }), 1002, /FIN/],
    ["a continuation of nothing", (peer: RawServerPeer) => peer.send(Opcode.continuation, "x"), 1002, /opcode/],
    ["text that is not UTF-8", (peer: RawServerPeer) => peer.send(Opcode.text, Uint8Array.of(0xff)), 1007, /UTF-8/],
  ] as const) {
    it(`ends the link at ${what}, and says why to both sides`, async () => {
      const { close, told, peer } = await endAfter(act);
      expect(told).toEqual([]);
      expect(close).toMatchObject(failed("peer.bad-frame", message));
      const frame = await peer.next();
      expect(frame && readClose(frame).code).toBe(closeCode);
    });
  }

  it("ends the link at a message above maxPayloadBytes", async () => {
    const { close } = await endAfter((peer) => peer.send(Opcode.text, "x".repeat(101)), { maxPayloadBytes: 100 });
    expect(close).toMatchObject(failed("peer.too-large", /Max payload/));
  });

  it("tells 1005 for a close frame without a code, 1006 for a reset", async () => {
    expect((await endAfter((peer) => peer.send(Opcode.close))).close).toEqual({ code: 1005, reason: "" });
    expect((await endAfter((peer) => peer.reset())).close).toEqual({ code: 1006, reason: "" });
  });

  it("ends within its close timeout when the peer never answers the close", async () => {
    const { link, peer, opened, closed } = await dial([], { closeTimeoutMs: 20 });
    peer.upgrade();
    await opened;
    link.close(1000, "anyone?");
    expect(await closed).toMatchObject({ code: 1006 });
  });

  it("takes one pong for all pings before it, and ignores pongs nobody asked for", async () => {
    const { link, peer, opened, closed, pongs } = await dial();
    peer.upgrade();
    await opened;
    link.ping?.();
    link.ping?.();
    const pings = [await peer.next(), await peer.next()];
    expect(pings.map((frame) => frame?.opcode)).toEqual([Opcode.ping, Opcode.ping]);
    peer.send(Opcode.pong, "unasked");
    peer.send(Opcode.pong, "");
    peer.send(Opcode.pong, "999");
    peer.send(Opcode.text, "a mark");
    peer.send(Opcode.pong, pings[1]?.payload);
    peer.send(Opcode.pong, pings[0]?.payload);
    peer.close(1000);
    await closed;
    expect(pongs).toEqual([1, 1]);
  });

  for (const [status, code] of [
    [401, 4401],
    [403, 4403],
    [404, 1006],
    [503, 1006],
    [302, 1006],
    [200, 1006],
  ] as const) {
    it(`§6.1 tells an upgrade refused with ${status} as ${code}, without the key`, async () => {
      const { peer, closed } = await dial();
      peer.refuse(status, { Location: "http://127.0.0.1:1/" });
      const close = await closed;
      expect(close).toMatchObject({ code, reason: "", cause: { code: "link.lost" } });
      const { message } = close.cause as Error;
      expect(message).toContain(`got HTTP ${status}`);
      expect(message).toContain(server.url);
      expect(message).not.toContain("SECRET");
      await peer.gone;
    });
  }
});
