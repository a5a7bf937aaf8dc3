// The raw door, PROTOCOL §16, as any WebSocket client uses it.
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { type Connection, type GatewayOptions, type Incoming, createGateway, memoryBroker } from "@trunkline/gateway";
import { describe, expect, it, onTestFinished } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { connectV1 } from "../support/frame-client.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

const everything: GatewayOptions = { raw: true, anonymous: true, authorize: () => true };

interface RawClient {
  readonly ws: WebSocket;
  /** What came, in order. */
  readonly texts: string[];
  /** Pings of WebSocket itself. */
  readonly pings: Buffer[];
  ended: number | null;
}

/** Opens a raw link; rejects with the status when it is refused. */
async function openRaw(
  url: string,
  options: { readonly headers?: Record<string, string>; readonly autoPong?: boolean; readonly protocol?: string } = {},
): Promise<RawClient> {
  const { protocol, ...rest } = options;
  const ws = new WebSocket(url.replace("http", "ws"), protocol === undefined ? [] : [protocol], rest);
  onTestFinished(() => ws.terminate());
  const client: RawClient = { ws, texts: [], pings: [], ended: null };
  ws.on("message", (data: Buffer, isBinary) => {
    if (isBinary) throw new Error("expected text, got bytes");
    client.texts.push(data.toString());
  });
  ws.on("ping", (data: Buffer) => client.pings.push(data));
  ws.on("close", (code) => (client.ended = code));
  await new Promise<void>((resolve, reject) => {
    ws.once("open", resolve);
    ws.once("unexpected-response", (_, { statusCode }) => reject(new Error(`status ${statusCode}`)));
    ws.once("error", reject);
  });
  ws.on("error", () => {});
  return client;
}

describe("what comes out", () => {
  it("D-10 R-06 a bare WebSocket gets 'new model!' exactly, and nothing before or after", async () => {
    const { gateway, url } = await startGateway(everything);
    const client = await openRaw(`${url}/my-channel`);
    await gateway.publish({ event: "message", data: "new model!", channel: "my-channel" });
    await gateway.publish({ event: "message", data: { id: 7 }, channel: "my-channel" });
    await until("both came", () => client.texts.length === 2);
    expect(client.texts).toEqual(["new model!", '{"id":7}']);
    expect(client.ws.protocol).toBe("");
  });

  it("D-08 §16.1 two paths are isolated, and the query means nothing", async () => {
    const { gateway, url } = await startGateway(everything);
    const [one, same, other, root] = [
      await openRaw(`${url}/one`),
      await openRaw(`${url}/one?channel=other&x`),
      await openRaw(`${url}/other`),
      await openRaw(`${url}/`),
    ];
    for (const channel of ["one", "other", "all"])
      await gateway.publish({ event: "e", data: `to ${channel}`, channel });
    await until("each has its own", () => [one, same, other, root].every(({ texts }) => texts.length === 1));
    expect([one, same, other, root].map(({ texts }) => texts)).toEqual([
      ["to one"],
      ["to one"],
      ["to other"],
      ["to all"],
    ]);
    expect([...gateway.connections()].map(({ channels }) => channels)).toEqual([["one"], ["one"], ["other"], ["all"]]);
  });

  it("R-06 the texts ping, unsubscribe and exit are data in both directions", async () => {
    const { gateway, url } = await startGateway(everything);
    const words = ["ping", "pong", "unsubscribe", "exit", '{"type":"connected"}', ""];
    const heard: unknown[] = [];
    gateway.on("incoming", ({ data }) => heard.push(data));
    const client = await openRaw(`${url}/room`);
    for (const data of words) await gateway.publish({ event: "e", data, channel: "room" });
    for (const word of words) client.ws.send(word);
    await until("all came", () => client.texts.length === words.length && heard.length === words.length);
    expect(client.texts).toEqual(words);
    expect(heard).toEqual(words);
    expect(client.ended).toBeNull();
  });

  it("§16.3 a serializer is asked once for all raw readers, with the dialect", async () => {
    const asked: string[] = [];
    const { gateway, url } = await startGateway({
      ...everything,
      serialize: ({ data }, dialect) => {
        asked.push(dialect);
        return `${dialect} ${String(data)}`;
      },
    });
    const clients = [await openRaw(`${url}/room`), await openRaw(`${url}/room`)];
    await gateway.publish({ event: "e", data: "x", channel: "room" });
    await until("both have it", () => clients.every(({ texts }) => texts.length === 1));
    expect(clients.map(({ texts }) => texts)).toEqual([["raw x"], ["raw x"]]);
    expect(asked).toEqual(["raw"]);
  });

  it("§16.2 open means on the channel: what is published from then on comes, though nothing says so", async () => {
    const { gateway, url } = await startGateway({
      ...everything,
      authorize: async () => new Promise((resolve) => void setImmediate(() => resolve(true))),
    });
    const clients = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const client = await openRaw(`${url}/room-${index}`);
        await gateway.publish({ event: "e", data: String(index), channel: `room-${index}` });
        return client;
      }),
    );
    await until("each has its event", () => clients.every(({ texts }) => texts.length > 0));
    expect(clients.map(({ texts }) => texts)).toEqual(clients.map((_, index) => [String(index)]));
  });

  it("§16.5 who can't be told of a gap is closed with 4410", async () => {
    const { gateway, url } = await startGateway({
      ...everything,
      serialize: ({ data }) => (data === "bad" ? undefined : data),
    });
    const client = await openRaw(`${url}/room`);
    await gateway.publish({ event: "e", data: "good", channel: "room" });
    await until("the first came", () => client.texts.length === 1);
    await gateway.publish({ event: "e", data: "bad", channel: "room" });
    await until("it is closed", () => client.ended !== null);
    expect(client).toMatchObject({ texts: ["good"], ended: 4410 });
  });
});

it("§9.1 §16.5 a raw reader too slow for the history is closed with 4410, and got no hole before", async () => {
  const { gateway, url } = await startGateway({
    ...everything,
    limits: { unreadBytes: 128 * 1024 },
    history: { count: 50 },
  });
  const slow = await openRaw(`${url}/room`);
  slow.ws.pause();
  const body = "x".repeat(20_000);
  for (let index = 0; index < 1000; index++) {
    await gateway.publish({ event: "e", data: `${index} ${body}`, channel: "room" });
    if (index % 10 === 0) await new Promise((resolve) => void setImmediate(resolve));
  }
  slow.ws.resume();
  await until("it is closed", () => slow.ended !== null);
  expect(slow.ended).toBe(4410);
  expect(slow.texts.map((text) => Number.parseInt(text, 10))).toEqual(slow.texts.map((_, index) => index));
});

describe("what comes in", () => {
  it("D-09 every text reaches the app with its connection, as it is", async () => {
    const { gateway, url } = await startGateway(everything);
    const heard: Incoming[] = [];
    gateway.on("incoming", (message) => heard.push(message));
    const connections: Connection[] = [];
    gateway.on("connection", (connection) => void connections.push(connection));
    const client = await openRaw(`${url}/my-channel`);
    client.ws.send("do_something");
    client.ws.send('{"action":"x"}');
    await until("both are heard", () => heard.length === 2);
    expect(heard.map(({ data }) => data)).toEqual(["do_something", '{"action":"x"}']);
    expect(connections).toHaveLength(1);
    for (const { connection } of heard) expect(connection).toBe(connections[0]);
    expect(connections[0]).toMatchObject({
      dialect: "raw",
      channels: ["my-channel"],
      principal: { kind: "anonymous" },
    });
    expect(client.texts).toEqual([]);
  });

  it("D-20 server code answers what a browser says, on the channel it is on", async () => {
    const { gateway, url } = await startGateway(everything);
    gateway.on("incoming", ({ data, connection }) => {
      const [channel = "all"] = connection.channels;
      return gateway.publish({ event: "echo", data: `echo ${data as string}`, channel });
    });
    const client = await openRaw(`${url}/echo`);
    const other = await openRaw(`${url}/other`);
    client.ws.send("hello");
    await until("it is answered", () => client.texts.length === 1);
    expect(client.texts).toEqual(["echo hello"]);
    expect(other.texts).toEqual([]);
  });

  it("R-16 a listener that throws or rejects reaches error, and the others and the link go on", async () => {
    const { gateway, url } = await startGateway(everything);
    const errors: string[] = [];
    const heard: unknown[] = [];
    gateway.on("error", ({ code }) => errors.push(code));
    gateway.on("incoming", () => {
      throw new Error("no");
    });
    gateway.on("incoming", async () => {
      throw new Error("no");
    });
    gateway.on("incoming", ({ data }) => heard.push(data));
    const client = await openRaw(`${url}/room`);
    client.ws.send("a");
    client.ws.send("b");
    await until("all is told", () => heard.length === 2 && errors.length === 4);
    expect(new Set(errors)).toEqual(new Set(["usage.listener-failed"]));
    expect(client.ended).toBeNull();
  });

  it("§16.4 bytes are closed with 1003, too many words with 4429", async () => {
    const { url } = await startGateway({ ...everything, limits: { messageBurst: 3, messagesPerSecond: 1 } });
    const [bytes, words] = [await openRaw(`${url}/room`), await openRaw(`${url}/room`)];
    bytes.ws.send(Buffer.from([1, 2]));
    for (let n = 0; n < 10; n++) words.ws.send("x");
    await until("both are closed", () => bytes.ended !== null && words.ended !== null);
    expect([bytes.ended, words.ended]).toEqual([1003, 4429]);
  });
});

describe("liveness", () => {
  it("§16.5 pings are those of WebSocket; who answers stays, who does not is gone", async () => {
    const { gateway, url } = await startGateway({ ...everything, heartbeatMs: 100 });
    const alive = await openRaw(`${url}/room`);
    const dead = await openRaw(`${url}/room`, { autoPong: false });
    await until("the silent one is closed", () => dead.ended !== null);
    expect(dead).toMatchObject({ ended: 4408, texts: [] });
    await until("the other was pinged on", () => alive.pings.length > 3);
    expect(alive).toMatchObject({ ended: null, texts: [] });
    expect(alive.pings.every(({ length }) => length === 0)).toBe(true);
    await until("one is left", () => gateway.stats().connections === 1);
  });

  it("P-41 §16.5 a gateway that closes says 1001", async () => {
    const { gateway, url } = await startGateway(everything);
    const client = await openRaw(`${url}/room`);
    await gateway.close({ drainMs: 0 });
    await until("it is told", () => client.ended !== null);
    expect(client.ended).toBe(1001);
  });
});

describe("who may come in", () => {
  const statusOf = (opening: Promise<unknown>): Promise<string> =>
    opening.then(
      () => "open",
      (error: unknown) => (error as Error).message,
    );

  it("§16.1 nobody, where it is not switched on", async () => {
    const { url } = await startGateway({ anonymous: true, authorize: () => true });
    expect(await statusOf(openRaw(`${url}/my-channel`))).toBe("status 404");
    expect(await statusOf(openRaw(`${url}/`))).toBe("status 404");
  });

  it("§16.2 the same chain as everywhere, and refusals are HTTP statuses", async () => {
    const { gateway, url } = await startGateway({ raw: true });
    const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });
    const statuses = await Promise.all(
      [
        openRaw(`${url}/account.acme`),
        openRaw(`${url}/account.acme?api_key=wrong`),
        openRaw(`${url}/account.acme`, bearer("wrong")),
        openRaw(`${url}/account.acme?api_key=${testKeys.acme}`),
        openRaw(`${url}/account.acme`, bearer(testKeys.acme)),
        openRaw(`${url}/news?api_key=${testKeys.page}`),
        // Somebody, but not for this channel: the same words whether it exists or not.
        openRaw(`${url}/account.globex?api_key=${testKeys.acme}`),
        openRaw(`${url}/other?api_key=${testKeys.page}`),
        openRaw(`${url}/?api_key=${testKeys.acme}`),
        openRaw(`${url}/%ff?api_key=${testKeys.acme}`),
        openRaw(`${url}/a*?api_key=${testKeys.acme}`),
        openRaw(`${url}/~members%2Fnews?api_key=${testKeys.acme}`),
        openRaw(`${url}/account.acme?api_key=${testKeys.acme}`, { headers: { origin: "https://evil.example" } }),
        openRaw(`${url}/account.acme?api_key=${testKeys.acme}`, { headers: { origin: url } }),
        openRaw(`${url}/account.acme?api_key=${testKeys.acme}`, { protocol: "chat" }),
      ].map(statusOf),
    );
    expect(statuses).toEqual([
      "status 401",
      "status 401",
      "status 401",
      "open",
      "open",
      "open",
      "status 403",
      "status 403",
      "status 403",
      "status 400",
      "status 400",
      "status 400",
      "status 403",
      "status 403",
      "status 400",
    ]);
    expect([...gateway.connections()].map(({ request }) => [...request.params.keys()])).toEqual([[], [], []]);
  });

  it("§16.2 whoever authorises is asked as for a subscribe, and a no, a failure and a broker that is away are statuses", async () => {
    const asked: string[] = [];
    const { url } = await startGateway({
      raw: true,
      authenticate: ({ request }) => {
        const id = request.cookies.get("user");
        return id === undefined ? null : { kind: "user", account: "acme", id, mayListen: ["mine.*"] };
      },
      authorize: ({ channel, principal }) => {
        asked.push(`${channel} ${principal.kind}`);
        if (channel === "broken") throw new Error("no");
        return channel === "lobby";
      },
    });
    const headers = { cookie: "user=ada" };
    const statuses = [];
    for (const channel of ["lobby", "mine.7", "secret", "broken"])
      statuses.push(await statusOf(openRaw(`${url}/${channel}`, { headers })));
    expect(statuses).toEqual(["open", "open", "status 403", "status 403"]);
    expect(asked).toEqual(["lobby user", "secret user", "broken user"]);

    const broker = memoryBroker();
    onTestFinished(() => broker.close());
    const away = await startGateway({
      ...everything,
      broker: {
        ...brokerOf(broker),
        heads: () => Promise.reject(new Error("away")),
        read: () => Promise.reject(new Error("away")),
      },
    });
    expect(await statusOf(openRaw(`${away.url}/room`))).toBe("status 503");
  });

  it("§2.9 who is taken off its channel is closed with 4403, and comes under disconnect like everybody", async () => {
    const { gateway, url } = await startGateway(everything);
    const [off, gone] = [await openRaw(`${url}/room`), await openRaw(`${url}/room`)];
    const [first] = gateway.connections();
    first?.unsubscribe("room");
    await until("it is closed", () => off.ended !== null);
    await gateway.disconnect({ channel: "room" }, { code: 4401 });
    await until("it is closed too", () => gone.ended !== null);
    expect([off.ended, gone.ended]).toEqual([4403, 4401]);
  });

  it("§7.4 a gateway that closes turns away who still waits for an answer", async () => {
    let asked = 0;
    const { gateway, url } = await startGateway({
      ...everything,
      authorize: () => new Promise<boolean>(() => (asked += 1)),
    });
    const status = statusOf(openRaw(`${url}/room`));
    await until("it waits", () => asked === 1);
    await gateway.close({ drainMs: 0 });
    expect(await status).toBe("status 503");
  });

  it("whoever leaves before the answer leaves nothing behind", async () => {
    let answer: (yes: boolean) => void = () => {};
    const { gateway, port } = await startGateway({
      ...everything,
      authorize: () => new Promise<boolean>((resolve) => (answer = resolve)),
    });
    let seen = 0;
    let over = 0;
    gateway.on("connection", () => (seen += 1));
    gateway.on("disconnection", () => (over += 1));
    const socket = connect(port, "127.0.0.1");
    const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13";
    socket.write(`GET /room HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n\r\n`);
    await until("it is asked about", () => seen === 1);
    socket.resetAndDestroy();
    await new Promise((resolve) => socket.once("close", resolve));
    answer(true);
    await until("it is over", () => over === 1);
    expect([...gateway.connections()]).toEqual([]);
    expect(gateway.stats()).toMatchObject({ connections: 0, channels: 0 });
  });
});

describe("beside an app", () => {
  async function beside(raw: { readonly prefix: string } | true, socketsOfTheApp: boolean) {
    const gateway = createGateway({ ...everything, raw });
    const server = createServer((_, response) => response.end("app"));
    if (socketsOfTheApp) {
      const app = new WebSocketServer({ server, path: "/app-socket" });
      app.on("connection", (ws) => ws.send("app says hi"));
      onTestFinished(() => app.close());
    }
    gateway.attach(server);
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", () => resolve()));
    onTestFinished(async () => {
      await gateway.close({ drainMs: 0 });
      server.closeAllConnections();
      server.close();
    });
    return { gateway, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  }
  const firstOf = async (client: RawClient): Promise<string | undefined> => {
    await until("something comes", () => client.texts.length > 0);
    return client.texts[0];
  };

  it("§16.1 with a prefix all behind it is the gateway's, and all else the app's", async () => {
    const { gateway, url } = await beside({ prefix: "/live/" }, true);
    const client = await openRaw(`${url}/live/room`);
    await gateway.publish({ event: "e", data: "to the room", channel: "room" });
    expect(await firstOf(client)).toBe("to the room");
    expect(await firstOf(await openRaw(`${url}/app-socket`))).toBe("app says hi");
    await expect(openRaw(`${url}/room`)).rejects.toThrow("status 400");
    expect((await connectV1(`${url.replace("http", "ws")}/api/ws/v1/events`)).hello.type).toBe("connected");
    expect(await (await fetch(`${url}/live/room`)).text()).toBe("app");
  });

  it("§16.1 without one it takes no path from others who listen for upgrades, and all where nobody does", async () => {
    const shared = await beside(true, true);
    expect(await firstOf(await openRaw(`${shared.url}/app-socket`))).toBe("app says hi");
    await expect(openRaw(`${shared.url}/room`)).rejects.toThrow("status 400");
    const alone = await beside(true, false);
    const client = await openRaw(`${alone.url}/room`);
    await alone.gateway.publish({ event: "e", data: "to the room", channel: "room" });
    expect(await firstOf(client)).toBe("to the room");
  });
});

function brokerOf(broker: ReturnType<typeof memoryBroker>): ReturnType<typeof memoryBroker> {
  return {
    name: broker.name,
    open: broker.open.bind(broker),
    append: broker.append.bind(broker),
    broadcast: broker.broadcast.bind(broker),
    read: broker.read.bind(broker),
    heads: broker.heads.bind(broker),
    close: broker.close.bind(broker),
  };
}
