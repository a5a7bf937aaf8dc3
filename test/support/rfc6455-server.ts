// A WebSocket server over node:net whose every byte a test decides, to misbehave in ways a good library can't.
import { once } from "node:events";
import { type AddressInfo, type Socket, createServer } from "node:net";
import { acceptKey } from "./rfc6455-client.ts";
import { type Frame, type FrameOptions, FrameReader, Opcode, closePayload, encodeFrame } from "./rfc6455-frames.ts";
import { Mailbox } from "./rfc6455-mailbox.ts";

export interface RawServer {
  readonly url: string;
  /** The next connection whose upgrade request has been read. */
  accept(): Promise<RawServerPeer>;
  stop(): Promise<void>;
}

/** Listens on a free port and answers nothing by itself. */
export async function rawServer(): Promise<RawServer> {
  const peers = new Mailbox<RawServerPeer>();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => {});
    const peer = new RawServerPeer(socket, () => peers.put(peer));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    accept: () => peers.take(),
    stop: async () => {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

export class RawServerPeer {
  readonly socket: Socket;
  /** The upgrade request's head. */
  request = "";
  /** Resolves when the connection has ended. */
  readonly gone: Promise<void>;
  readonly #reader = new FrameReader();

  constructor(socket: Socket, onRequest: () => void) {
    this.socket = socket;
    this.gone = new Promise((resolve) => socket.on("close", () => resolve()));
    let head = "";
    let requested = false;
    socket.on("data", (chunk) => {
      if (requested) {
        this.#reader.feed(chunk);
        return;
      }
      head += chunk.toString("latin1");
      if (!head.endsWith("\r\n\r\n")) return;
      requested = true;
      this.request = head;
      onRequest();
    });
    socket.on("close", () => this.#reader.end());
  }

  /** A header of the upgrade request, or undefined. */
  header(name: string): string | undefined {
    const line = this.request.split("\r\n").find((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`));
    return line?.slice(name.length + 1).trim();
  }

  /** Completes the handshake; `headers` replace or add to the right ones. */
  upgrade(headers: Readonly<Record<string, string>> = {}): void {
    const all = {
      Upgrade: "websocket",
      Connection: "Upgrade",
      "Sec-WebSocket-Accept": acceptKey(this.header("Sec-WebSocket-Key") ?? ""),
      ...headers,
    };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
    this.write(["HTTP/1.1 101 Switching Protocols", ...lines, "", ""].join("\r\n"));
  }

  /** Answers with `status` instead of upgrading, and ends the connection. */
  refuse(status: number, headers: Readonly<Record<string, string>> = {}): void {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    this.socket.end([`HTTP/1.1 ${status} No`, "Connection: close", "Content-Length: 0", ...lines, "", ""].join("\r\n"));
  }

  /** The next frame of any kind, or null when the connection has ended. */
  next(): Promise<Frame | null> {
    return this.#reader.next();
  }

  send(opcode: number, payload: string | Uint8Array = "", options: FrameOptions = {}): void {
    this.write(encodeFrame(opcode, payload, { fin: true, masked: false, ...options }));
  }

  close(code: number, reason = ""): void {
    this.send(Opcode.close, closePayload(code, reason));
  }

  write(bytes: Uint8Array | string): void {
    this.socket.write(bytes);
  }

  /** Ends the connection with a TCP reset. */
  reset(): void {
    this.socket.resetAndDestroy();
  }
}
