// What every Transport must do, as tests: run it for each implementation against a real server. The test framework is
// handed in, so that this module imports none.
import type { Link, LinkClose, LinkListener, LinkRequest, Transport } from "../ports/transport.ts";
import { connectionContract } from "./connection-contract.ts";

/** The part of vitest (or jest, or node:test with an `expect`) that is used. */
export interface ContractFramework {
  readonly describe: (name: string, body: () => void) => unknown;
  readonly it: (name: string, body: () => Promise<void>) => unknown;
  readonly expect: (actual: unknown) => {
    toBe(expected: unknown): unknown;
    toEqual(expected: unknown): unknown;
    toMatchObject(expected: object): unknown;
  };
}

/** The server's end of one accepted link. */
export interface ContractPeer {
  /** The next message the client sent. */
  next(): Promise<string | Uint8Array>;
  send(data: string | Uint8Array): void;
  close(code: number, reason: string): void;
  /** Breaks the connection without a close frame. */
  drop(): void;
  /** How the server saw it end, the code as the client meant it. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
}

/** A server that accepts each link and selects the first subprotocol offered. */
export interface ContractServer {
  readonly url: string;
  /** Like `url`, but pings are never answered. */
  readonly mutePongUrl: string;
  /** Takes the connection and never answers the upgrade. */
  readonly silentUrl: string;
  /** Refuses the connection or the upgrade. */
  readonly refusedUrl: string;
  /** The next accepted link. */
  accept(): Promise<ContractPeer>;
  /** Resolves once a silent connection was taken. */
  silentTaken(): Promise<void>;
  /** Resolves once no connection is held, silent ones included. */
  allGone(): Promise<void>;
  stop(): Promise<void>;
}

export interface ContractSubject {
  readonly transport: Transport;
  /** Whether links have `ping`. */
  readonly pings: boolean;
  /** Whether links have `pause` and `resume`. */
  readonly pauses: boolean;
  /** Subprotocols that links offer where a test does not care, for transports that need one. @defaultValue [] */
  readonly protocols?: readonly string[];
  /** Whether links carry binary frames. @defaultValue true */
  readonly binary?: boolean;
  /** Whether the peer is told the code and reason of a close; else it sees a 1006. @defaultValue true */
  readonly tellsClose?: boolean;
  startServer(): Promise<ContractServer>;
}

type Told =
  | { readonly kind: "open"; readonly protocol: string }
  | { readonly kind: "message"; readonly data: string | Uint8Array }
  | { readonly kind: "close"; readonly close: LinkClose };

/** Remembers what a link tells and lets a test wait for it. */
class Recorder implements LinkListener {
  readonly told: Told[] = [];
  #waiting: (() => void)[] = [];

  onOpen(protocol: string): void {
    this.#tell({ kind: "open", protocol });
  }
  onMessage(data: string | Uint8Array): void {
    this.#tell({ kind: "message", data });
  }
  onClose(close: LinkClose): void {
    this.#tell({ kind: "close", close });
  }

  get kinds(): string {
    return this.told.map((told) => told.kind).join(" ");
  }
  get messages(): (string | Uint8Array)[] {
    return this.told.flatMap((told) => (told.kind === "message" ? [told.data] : []));
  }
  get close(): LinkClose | undefined {
    return this.told.flatMap((told) => (told.kind === "close" ? [told.close] : []))[0];
  }

  async until(done: () => boolean): Promise<void> {
    while (!done()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
  opened(): Promise<void> {
    return this.until(() => this.told.length > 0);
  }
  closed(): Promise<void> {
    return this.until(() => this.close !== undefined);
  }

  #tell(told: Told): void {
    this.told.push(told);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

/** Registers the contract's tests under `name`: the push port, then rows G-42 … G-46 and G-48 over `createConnection`. */
export function transportContract(name: string, framework: ContractFramework, subject: ContractSubject): void {
  const { describe, it, expect } = framework;

  /** A test against its own server. */
  const test = (title: string, body: (server: ContractServer) => Promise<void>): void => {
    it(title, async () => {
      const server = await subject.startServer();
      try {
        await body(server);
      } finally {
        await server.stop();
      }
    });
  };

  const { protocols: usual = [], binary = true, tellsClose = true } = subject;
  const open = (url: string, listener: LinkListener, protocols: LinkRequest["protocols"] = usual): Link =>
    subject.transport.open({ url, protocols }, listener);
  /** What the peer sees of a close. */
  const seen = (code: number, reason: string) => (tellsClose ? { code, reason } : { code: 1006, reason: "" });

  const connect = async (server: ContractServer, recorder = new Recorder()) => {
    const link = open(server.url, recorder);
    const peer = await server.accept();
    await recorder.opened();
    return { recorder, link, peer };
  };

  describe(`${name}: links`, () => {
    test("tells onOpen once and first, after open returned, with the selected subprotocol", async (server) => {
      const recorder = new Recorder();
      const link = open(server.url, recorder, ["trunkline.v1", "other"]);
      expect(recorder.told).toEqual([]);
      const peer = await server.accept();
      peer.send("after");
      await recorder.until(() => recorder.told.length === 2);
      expect(recorder.told).toEqual([
        { kind: "open", protocol: "trunkline.v1" },
        { kind: "message", data: "after" },
      ]);
      link.terminate();
    });

    test("carries messages both ways in order", async (server) => {
      const { recorder, link, peer } = await connect(server);
      const sent = Array.from({ length: 200 }, (_, index) => `message ${index}`);
      const received: unknown[] = [];
      for (const text of sent) link.send(text);
      while (received.length < sent.length) received.push(await peer.next());
      for (const text of sent) peer.send(text);
      await recorder.until(() => recorder.messages.length === sent.length);
      expect(received).toEqual(sent);
      expect(recorder.messages).toEqual(sent);
      link.terminate();
    });

    test("carries any text: empty, beyond ASCII, a mebibyte", async (server) => {
      const { recorder, link, peer } = await connect(server);
      const texts = ["", "grüße, 世界, 🎈", "x".repeat(1024 * 1024)];
      for (const text of texts) {
        link.send(text);
        expect((await peer.next()) === text).toBe(true);
        peer.send(text);
      }
      await recorder.until(() => recorder.messages.length === texts.length);
      expect(recorder.messages.every((message, index) => message === texts[index])).toBe(true);
      link.terminate();
    });

    if (!binary) {
      test("ends with 1003 rather than lose a binary frame that it can't carry", async (server) => {
        const { recorder, link, peer } = await connect(server);
        link.send(Uint8Array.of(1));
        await recorder.closed();
        await peer.closed;
        expect(recorder.close).toMatchObject({ code: 1003 });
      });
    } else
      test("carries binary as plain Uint8Array", async (server) => {
        const { recorder, link, peer } = await connect(server);
        const bytes = Uint8Array.of(0, 1, 127, 128, 255);
        // A view into something larger, as decoders hand them out.
        link.send(Uint8Array.of(9, 9, 0, 1, 127, 128, 255, 9).subarray(2, 7));
        expect(await peer.next()).toEqual(bytes);
        peer.send(bytes);
        await recorder.until(() => recorder.messages.length === 1);
        expect(recorder.messages).toEqual([bytes]);
        expect(Object.getPrototypeOf(recorder.messages[0])).toBe(Uint8Array.prototype);
        link.terminate();
      });

    test("tells the peer's close code and reason once, behind the messages sent before it", async (server) => {
      const { recorder, peer } = await connect(server);
      for (const text of ["one", "two", "three"]) peer.send(text);
      peer.close(4410, "resync");
      await recorder.closed();
      await server.allGone();
      expect(recorder.kinds).toBe("open message message message close");
      expect(recorder.close).toEqual({ code: 4410, reason: "resync" });
    });

    test("G-48 closes with 1001 although browsers refuse it, and the server reads 1001", async (server) => {
      const { recorder, link, peer } = await connect(server);
      link.close(1001, "leaving");
      expect(await peer.closed).toEqual(seen(1001, "leaving"));
      await recorder.closed();
      expect(recorder.close).toMatchObject({ code: 1001 });
    });

    test("cuts a reason to 123 bytes between code points", async (server) => {
      const { recorder, link, peer } = await connect(server);
      link.close(4400, "€".repeat(42)); // 126 bytes
      expect(await peer.closed).toEqual(seen(4400, "€".repeat(41)));
      await recorder.closed();
      if (!tellsClose) expect(recorder.close).toEqual({ code: 4400, reason: "€".repeat(41) });
    });

    test("closes without throwing whatever the code", async (server) => {
      for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000]) {
        const { recorder, link, peer } = await connect(server);
        link.close(code, "odd");
        await peer.closed;
        await recorder.closed();
        expect(recorder.kinds).toBe("open close");
      }
    });

    test("tells onClose once, however often it is closed", async (server) => {
      const { recorder, link, peer } = await connect(server);
      link.close(1000, "first");
      link.close(4400, "second");
      expect(await peer.closed).toEqual(seen(1000, "first"));
      await recorder.closed();
      link.close(1000, "third");
      link.terminate();
      await server.allGone();
      expect(recorder.kinds).toBe("open close");
    });

    test("tells no message after close was called", async (server) => {
      const recorder = new Recorder();
      const { link, peer } = await connect(server, recorder);
      for (let index = 0; index < 100; index++) peer.send(`message ${index}`);
      await recorder.until(() => recorder.messages.length > 0);
      const seen = recorder.messages.length;
      link.close(1000, "");
      await recorder.closed();
      expect(recorder.messages.length).toBe(seen);
    });

    test("terminate tells 1006 before it returns, and nothing after", async (server) => {
      const { recorder, link, peer } = await connect(server);
      peer.send("maybe late");
      link.terminate();
      const seen = recorder.kinds;
      expect(recorder.close).toEqual({ code: 1006, reason: "" });
      link.terminate();
      await peer.closed;
      await server.allGone();
      expect(recorder.kinds).toBe(seen);
    });

    test("tells 1006 when the connection breaks without a close frame", async (server) => {
      const { recorder, peer } = await connect(server);
      peer.drop();
      await recorder.closed();
      expect(recorder.close).toMatchObject({ code: 1006, reason: "" });
    });

    test("tells 1006, and never onOpen, when the connection is refused", async (server) => {
      const recorder = new Recorder();
      open(server.refusedUrl, recorder);
      expect(recorder.told).toEqual([]);
      await recorder.closed();
      expect(recorder.kinds).toBe("close");
      expect(recorder.close).toMatchObject({ code: 1006 });
    });

    for (const [verb, leave] of [
      ["close", (link: Link) => link.close(1000, "changed my mind")],
      ["terminate", (link: Link) => link.terminate()],
    ] as const) {
      test(`${verb} while connecting tells only a close and leaves no connection behind`, async (server) => {
        const recorder = new Recorder();
        const link = open(server.silentUrl, recorder);
        await server.silentTaken();
        leave(link);
        await recorder.closed();
        await server.allGone();
        expect(recorder.kinds).toBe("close");
        expect(recorder.close).toMatchObject({ code: 1006 });
      });
    }

    test("drops what is sent before the link is open and after it was closed", async (server) => {
      const recorder = new Recorder();
      const link = open(server.url, recorder);
      link.send("too early");
      const peer = await server.accept();
      await recorder.opened();
      link.send("in time");
      expect(await peer.next()).toBe("in time");
      link.close(1000, "");
      link.send("too late");
      await recorder.closed();
      link.send("much too late");
      expect(recorder.kinds).toBe("open close");
    });

    test("counts bytes that wait, and none once they are gone", async (server) => {
      const { link, peer } = await connect(server);
      expect(link.bufferedAmount).toBe(0);
      link.send("x".repeat(1024));
      await peer.next();
      link.send("y");
      await peer.next();
      expect(link.bufferedAmount < 1024).toBe(true);
      link.terminate();
    });

    if (subject.pauses) {
      test("holds messages back while paused, loses none, and puts the close behind them", async (server) => {
        class PausingRecorder extends Recorder {
          override onMessage(data: string | Uint8Array): void {
            super.onMessage(data);
            if (this.messages.length === 1) link.pause?.();
          }
        }
        const recorder = new PausingRecorder();
        const link = open(server.url, recorder);
        const peer = await server.accept();
        await recorder.opened();
        const sent = Array.from({ length: 100 }, (_, index) => `message ${index}`);
        for (const text of sent) peer.send(text);
        peer.close(4410, "resync");
        await recorder.until(() => recorder.messages.length > 0);
        // A whole exchange on another link gives what was sent before it every chance to arrive.
        const other = await connect(server);
        other.link.send("barrier");
        await other.peer.next();
        other.peer.send("barrier");
        await other.recorder.until(() => other.recorder.messages.length === 1);
        expect(recorder.kinds).toBe("open message");
        link.resume?.();
        await recorder.closed();
        expect(recorder.messages).toEqual(sent);
        expect(recorder.told.at(-1)).toMatchObject({ kind: "close", close: { code: 4410 } });
        other.link.terminate();
      });

      test("closes in good order while paused", async (server) => {
        const { recorder, link, peer } = await connect(server);
        link.pause?.();
        peer.send("never read");
        link.close(1000, "done");
        expect(await peer.closed).toEqual(seen(1000, "done"));
        await recorder.closed();
        expect(recorder.kinds).toBe("open close");
      });
    }
  });

  describe(`${name}: connections`, () => connectionContract({ test, expect, subject }));
}
