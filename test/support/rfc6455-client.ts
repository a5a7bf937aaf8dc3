// A WebSocket client over node:net that does what it is told, right or wrong.
import { once } from "node:events";
import { type Socket, connect } from "node:net";
import { createHash, randomBytes } from "node:crypto";
import { type Frame, type FrameOptions, FrameReader, Opcode, closePayload, encodeFrame } from "./rfc6455-frames.ts";

export interface RawClientOptions {
  readonly protocols?: readonly string[];
  /** Added to the upgrade request; one of the request's own headers is replaced, or left out when undefined. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

/** The answer to an upgrade request. */
export interface UpgradeResponse {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether `Sec-WebSocket-Accept` is the one RFC 6455 §4.2.2 asks for. */
  readonly acceptValid: boolean;
  /** What came behind the head when the upgrade was refused, up to the end of the connection. */
  readonly body: Promise<string>;
}

/** Asks `url` (ws:) to upgrade. Look at `response.status`: a refusal is no error. */
export async function rawClient(url: string, options: RawClientOptions = {}): Promise<RawClient> {
  const { hostname, port, pathname, search, host } = new URL(url);
  const socket = connect(Number(port), hostname);
  const key = randomBytes(16).toString("base64");
  const headers: Record<string, string | undefined> = {
    Host: host,
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": key,
    ...(options.protocols === undefined ? {} : { "Sec-WebSocket-Protocol": options.protocols.join(", ") }),
    ...options.headers,
  };
  const lines = Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
  socket.write([`GET ${pathname}${search} HTTP/1.1`, ...lines, "", ""].join("\r\n"));
  const client = new RawClient(socket, key);
  await client.answered;
  return client;
}

export class RawClient {
  readonly socket: Socket;
  readonly answered: Promise<void>;
  readonly #key: string;
  readonly #reader = new FrameReader();
  #response: UpgradeResponse | null = null;

  constructor(socket: Socket, key: string) {
    this.socket = socket;
    this.#key = key;
    this.answered = new Promise((resolve, reject) => {
      let head = Buffer.alloc(0);
      const body: Buffer[] = [];
      const ended = new Promise<string>((end) => socket.on("close", () => end(Buffer.concat(body).toString())));
      socket.on("data", (chunk) => {
        if (this.#response !== null) {
          if (this.#response.status === 101) this.#reader.feed(chunk);
          else body.push(chunk);
          return;
        }
        head = Buffer.concat([head, chunk]);
        const end = head.indexOf("\r\n\r\n");
        if (end === -1) return;
        this.#response = this.#parse(head.subarray(0, end).toString(), ended);
        const rest = head.subarray(end + 4);
        if (this.#response.status === 101) this.#reader.feed(rest);
        else body.push(rest);
        resolve();
      });
      socket.on("error", reject);
      socket.on("close", () => {
        this.#reader.end();
        reject(new Error("the connection ended before the upgrade was answered"));
      });
    });
  }

  get response(): UpgradeResponse {
    if (this.#response === null) throw new Error("the upgrade has not been answered");
    return this.#response;
  }

  /** The subprotocol the server selected; "" without. */
  get protocol(): string {
    return this.response.headers["sec-websocket-protocol"] ?? "";
  }

  /** The next frame of any kind, or null when the connection has ended. Nothing is answered by itself. */
  next(): Promise<Frame | null> {
    return this.#reader.next();
  }

  send(opcode: number, payload: string | Uint8Array = "", options: FrameOptions = {}): void {
    this.write(encodeFrame(opcode, payload, { fin: true, masked: true, ...options }));
  }

  text(text: string): void {
    this.send(Opcode.text, text);
  }

  close(code: number, reason = ""): void {
    this.send(Opcode.close, closePayload(code, reason));
  }

  /** Any bytes, right or wrong. */
  write(bytes: Uint8Array | string): void {
    this.socket.write(bytes);
  }

  /** Drops the connection. */
  async drop(): Promise<void> {
    if (this.socket.closed) return;
    const closed = once(this.socket, "close");
    this.socket.destroy();
    await closed;
  }

  #parse(head: string, body: Promise<string>): UpgradeResponse {
    const [statusLine = "", ...lines] = head.split("\r\n");
    const headers: Record<string, string> = {};
    for (const line of lines) {
      const colon = line.indexOf(":");
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const acceptValid = headers["sec-websocket-accept"] === acceptKey(this.#key);
    return { status: Number(statusLine.split(" ")[1]), headers, acceptValid, body };
  }
}

/** `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key` (RFC 6455 §4.2.2). */
export function acceptKey(key: string): string {
  return createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
}
