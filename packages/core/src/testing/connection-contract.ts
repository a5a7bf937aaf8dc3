// Rows G-42 … G-46: a Transport pulled through `createConnection`.
import { type Connection, type DialOptions, createConnection } from "../drive/connection.ts";
import type { AbortSignalLike } from "../ports/abort-signal.ts";
import { MessageType } from "../wire/codes.ts";
import type { ContractFramework, ContractServer, ContractSubject } from "./transport-contract.ts";

export interface ConnectionContract {
  /** Registers a test that gets its own server. */
  readonly test: (title: string, body: (server: ContractServer) => Promise<void>) => void;
  readonly expect: ContractFramework["expect"];
  readonly subject: ContractSubject;
}

/** A signal aborted by hand. */
class ManualSignal implements AbortSignalLike {
  aborted = false;
  readonly reason = "changed my mind";
  readonly listeners = new Set<() => void>();

  addEventListener(_type: "abort", listener: () => void): void {
    this.listeners.add(listener);
  }
  removeEventListener(_type: "abort", listener: () => void): void {
    this.listeners.delete(listener);
  }
  abort(): void {
    this.aborted = true;
    for (const listener of this.listeners) listener();
  }
}

/** What `promise` rejects with; "resolved" if it does not. */
function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => "resolved",
    (error: unknown) => error,
  );
}

export function connectionContract({ test, expect, subject }: ConnectionContract): void {
  const { protocols = [], binary = true, tellsClose = true } = subject;
  const dial = (connection: Connection, url: string, options: DialOptions = {}): Promise<string> =>
    connection.dial(url, { protocols, ...options });
  /** What the peer sees of a close. */
  const seen = (code: number, reason: string) => (tellsClose ? { code, reason } : { code: 1006, reason: "" });
  const dialled = async (server: ContractServer, url = server.url) => {
    const connection = createConnection(subject.transport);
    const dialling = dial(connection, url);
    const peer = await server.accept();
    await dialling;
    return { connection, peer };
  };
  const alreadyOpen = { code: "usage.already-open", message: "a connection has already been established" };
  const alreadyClosed = { name: "AlreadyClosedError", code: "link.closed" };
  const readText = async (connection: Connection) => (await connection.read()).data;

  test("G-42 dials, writes, reads, and shows the socket underneath", async (server) => {
    const connection = createConnection(subject.transport);
    expect(connection.raw).toBe(null);
    const dialling = dial(connection, server.url, { protocols: ["trunkline.v1"] });
    const peer = await server.accept();
    expect(await dialling).toBe("trunkline.v1");
    expect(typeof connection.raw).toBe("object");
    await connection.write(MessageType.text, "hello");
    expect(await peer.next()).toBe("hello");
    peer.send("text");
    expect(await connection.read()).toEqual({ type: 1, data: "text" });
    if (binary) {
      await connection.write(MessageType.binary, Uint8Array.of(1, 2));
      expect(await peer.next()).toEqual(Uint8Array.of(1, 2));
      peer.send(Uint8Array.of(3));
      expect(await connection.read()).toEqual({ type: 2, data: Uint8Array.of(3) });
    }
    expect(await rejection(connection.write(MessageType.text, Uint8Array.of(1)))).toMatchObject({
      code: "usage.bad-argument",
    });
    await connection.close(1001, "bye");
    expect(await peer.closed).toEqual(seen(1001, "bye"));
    expect(connection.raw).toBe(null);
  });

  test("G-43 refuses a second dial while dialling and while established", async (server) => {
    const connection = createConnection(subject.transport);
    const dialling = dial(connection, server.url);
    expect(await rejection(dial(connection, server.url))).toMatchObject(alreadyOpen);
    await server.accept();
    await dialling;
    expect(await rejection(dial(connection, server.url))).toMatchObject(alreadyOpen);
    await connection.close();
  });

  test("G-43 dials again after a close, a loss, a refusal and an abort", async (server) => {
    const connection = createConnection(subject.transport);
    const again = async () => {
      const dialling = dial(connection, server.url);
      const peer = await server.accept();
      await dialling;
      peer.send("fresh");
      expect(await readText(connection)).toBe("fresh");
      return peer;
    };
    (await again()).drop();
    expect(await rejection(connection.read())).toMatchObject({ closeCode: 1006 });
    await again();
    await connection.close();
    expect(await rejection(dial(connection, server.refusedUrl))).toMatchObject({
      name: "TransportCloseError",
      closeCode: 1006,
    });
    await again();
    await connection.close();
    const signal = new ManualSignal();
    const dialling = dial(connection, server.silentUrl, { signal });
    await server.silentTaken();
    signal.abort();
    expect(await rejection(dialling)).toMatchObject({ code: "usage.aborted" });
    await again();
    await connection.close();
    await server.allGone();
  });

  test("G-43 gives up a dial that is closed", async (server) => {
    const connection = createConnection(subject.transport);
    const dialling = rejection(dial(connection, server.silentUrl));
    await server.silentTaken();
    await connection.close();
    expect(await dialling).toMatchObject(alreadyClosed);
    await server.allGone();
  });

  test("G-44 reads one message at a time in order, unread ones even after the close, then the close itself", async (server) => {
    const { connection, peer } = await dialled(server);
    for (const text of ["one", "two", "three"]) peer.send(text);
    peer.close(4410, "resync");
    await server.allGone();
    const read = [await readText(connection), await readText(connection), await readText(connection)];
    expect(read).toEqual(["one", "two", "three"]);
    const lost = { name: "TransportCloseError", code: "link.lost", closeCode: 4410, reason: "resync" };
    expect(await rejection(connection.read())).toMatchObject(lost);
    expect(await rejection(connection.read())).toMatchObject(lost);
  });

  test("G-44 rejects pending reads with 1006 when no close frame came", async (server) => {
    const { connection, peer } = await dialled(server);
    const reads = [rejection(connection.read()), rejection(connection.read())];
    peer.drop();
    for (const read of reads) {
      expect(await read).toMatchObject({ name: "TransportCloseError", closeCode: 1006, reason: "" });
    }
    expect(await rejection(connection.write(MessageType.text, "late"))).toMatchObject(alreadyClosed);
  });

  test("G-44 gives each of several reads one message; an aborted read takes none", async (server) => {
    const { connection, peer } = await dialled(server);
    const signal = new ManualSignal();
    const first = readText(connection);
    const given = rejection(connection.read({ signal }));
    const third = readText(connection);
    signal.abort();
    expect(await given).toMatchObject({ code: "usage.aborted", cause: "changed my mind" });
    expect(signal.listeners.size).toBe(0);
    expect(await rejection(connection.read({ signal }))).toMatchObject({ code: "usage.aborted" });
    peer.send("one");
    peer.send("two");
    expect([await first, await third]).toEqual(["one", "two"]);
    await connection.close();
  });

  test("G-44 loses nothing when far more arrives than is read", async (server) => {
    const { connection, peer } = await dialled(server);
    const count = 3_000;
    for (let index = 0; index < count; index++) peer.send(String(index));
    const read: unknown[] = [];
    while (read.length < count) read.push(await readText(connection));
    expect(read).toEqual(Array.from({ length: count }, (_, index) => String(index)));
    await connection.close();
  });

  test("G-45 close rejects pending reads, sends its frame, and a second close rejects", async (server) => {
    const { connection, peer } = await dialled(server);
    const read = rejection(connection.read());
    const closing = connection.close(4000, "enough");
    expect(await rejection(connection.close())).toMatchObject(alreadyClosed);
    expect(await read).toMatchObject(alreadyClosed);
    expect(await peer.closed).toEqual(seen(4000, "enough"));
    await closing;
    expect(await rejection(connection.close())).toMatchObject(alreadyClosed);
    expect(await rejection(connection.read())).toMatchObject(alreadyClosed);
    expect(await rejection(connection.write(MessageType.text, "late"))).toMatchObject(alreadyClosed);
  });

  test("G-45 rejects all but dial when nothing was dialled, and close after a loss", async (server) => {
    const connection = createConnection(subject.transport);
    for (const attempt of [connection.read(), connection.write(1, ""), connection.close(), connection.ping()]) {
      expect(await rejection(attempt)).toMatchObject(alreadyClosed);
    }
    const { connection: lost, peer } = await dialled(server);
    peer.drop();
    await rejection(lost.read());
    expect(await rejection(lost.close())).toMatchObject({
      ...alreadyClosed,
      cause: { name: "TransportCloseError", closeCode: 1006 },
    });
  });

  if (!subject.pings) {
    test("G-46 ping says that this transport has none", async (server) => {
      const { connection } = await dialled(server);
      expect(await rejection(connection.ping())).toMatchObject({ code: "usage.unsupported" });
      await connection.close();
    });
    return;
  }

  test("G-46 ping resolves on its pong, in order, and no pong is ever read", async (server) => {
    const { connection, peer } = await dialled(server);
    const order: number[] = [];
    await Promise.all([1, 2, 3].map((id) => connection.ping().then(() => order.push(id))));
    expect(order).toEqual([1, 2, 3]);
    peer.send("a message");
    expect(await readText(connection)).toBe("a message");
    await connection.close();
  });

  test("G-46 close and loss reject every waiting ping", async (server) => {
    for (const how of ["close", "drop"] as const) {
      const { connection, peer } = await dialled(server, server.mutePongUrl);
      const pings = [1, 2, 3].map(() => rejection(connection.ping()));
      if (how === "close") await connection.close();
      else peer.drop();
      const name = how === "close" ? "AlreadyClosedError" : "TransportCloseError";
      for (const ping of pings) expect(await ping).toMatchObject({ name });
    }
  });

  test("G-46 an aborted ping rejects alone; an eleventh unanswered one is refused", async (server) => {
    const { connection } = await dialled(server, server.mutePongUrl);
    const signal = new ManualSignal();
    const aborted = rejection(connection.ping({ signal }));
    const others = Array.from({ length: 9 }, () => rejection(connection.ping()));
    expect(await rejection(connection.ping())).toMatchObject({ code: "usage.bad-argument" });
    signal.abort();
    expect(await aborted).toMatchObject({ code: "usage.aborted" });
    await connection.close();
    for (const ping of others) expect(await ping).toMatchObject(alreadyClosed);
  });
}
