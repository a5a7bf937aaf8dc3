// A client that speaks the protocol frame by frame, so that a test sees exactly what the gateway sends.
import type { GatewayFrame, HelloFrame, Position } from "@trunkline/core/wire";
import { onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { until } from "./until.ts";

export type FrameOf<Type extends GatewayFrame["type"]> = Extract<GatewayFrame, { readonly type: Type }>;

/** One link. Frames are kept as they came; arrays are flattened into `messages`. */
export class FrameClient {
  readonly ws: WebSocket;
  /** Raw text of each frame. */
  readonly frames: string[] = [];
  readonly messages: GatewayFrame[] = [];
  /** How the link ended, or null. */
  ended: { readonly code: number; readonly reason: string } | null = null;
  /** Whether pings are answered. */
  answersPings = true;
  #read = 0;

  constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on("message", (data: Buffer) => this.#take(data.toString()));
    ws.on("close", (code, reason) => (this.ended = { code, reason: String(reason) }));
    ws.on("error", () => {});
    onTestFinished(() => ws.terminate());
  }

  #take(text: string): void {
    this.frames.push(text);
    if (text === "ping") {
      if (this.answersPings) this.ws.send("pong");
      return;
    }
    const decoded = JSON.parse(text) as GatewayFrame | GatewayFrame[];
    for (const message of Array.isArray(decoded) ? decoded : [decoded]) {
      this.messages.push(message);
      if (message.type === "ping" && this.answersPings) this.send({ type: "pong" });
    }
  }

  send(message: object | string): void {
    this.ws.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  /** The next message of `type` that was not asked for before; those before it are passed over. */
  async next<Type extends GatewayFrame["type"]>(type: Type): Promise<FrameOf<Type>> {
    for (;;) {
      await until(`a "${type}" comes; got ${this.frames.slice(-3).join(" ")} ${JSON.stringify(this.ended)}`, () => {
        return this.messages.length > this.#read || this.ended !== null;
      });
      const message = this.messages[this.#read++];
      if (message === undefined)
        throw new Error(`expected "${type}", got the end of the link: ${JSON.stringify(this.ended)}`);
      if (message.type === type) return message as FrameOf<Type>;
    }
  }

  /** All messages of `type` so far. */
  all<Type extends GatewayFrame["type"]>(type: Type): FrameOf<Type>[] {
    return this.messages.filter((message) => message.type === type) as FrameOf<Type>[];
  }

  get events(): FrameOf<"event">[] {
    return this.all("event");
  }

  /** Plain events: frames with a string `event`. */
  get plainEvents(): Record<string, unknown>[] {
    return (this.messages as unknown as Record<string, unknown>[]).filter(({ event }) => typeof event === "string");
  }

  async end(): Promise<{ readonly code: number; readonly reason: string }> {
    await until("the link ends", () => this.ended !== null);
    return this.ended as { readonly code: number; readonly reason: string };
  }
}

/** Opens a link and waits for the handshake. */
export async function openLink(
  url: string,
  options: { readonly protocols?: string[]; readonly headers?: Record<string, string> } = {},
): Promise<FrameClient> {
  const ws = new WebSocket(url, options.protocols ?? [], { headers: options.headers ?? {}, perMessageDeflate: false });
  const client = new FrameClient(ws);
  await new Promise<void>((resolve, reject) => ws.once("open", resolve).once("error", reject));
  return client;
}

export interface HelloOptions {
  readonly token?: string;
  readonly streams?: HelloFrame["streams"];
  /** @defaultValue "test" */
  readonly instance?: string;
  readonly generation?: number;
  readonly scope?: string;
  readonly headers?: Record<string, string>;
}

/** Opens a `trunkline.v1` link and says hello. */
export async function sayHello(
  url: string,
  { headers, instance = "test", ...rest }: HelloOptions = {},
): Promise<FrameClient> {
  const client = await openLink(url, { protocols: ["trunkline.v1"], ...(headers && { headers }) });
  client.send({ type: "hello", instance, ...rest });
  return client;
}

/** As `sayHello`, and waits for `connected`. */
export async function connectV1(
  url: string,
  options: HelloOptions = {},
): Promise<FrameClient & { readonly hello: FrameOf<"connected"> }> {
  const client = await sayHello(url, options);
  const hello = await client.next("connected");
  return Object.assign(client, { hello });
}

export async function connectPlain(url: string, key: string): Promise<FrameClient> {
  const client = await openLink(`${url}?api_key=${encodeURIComponent(key)}`);
  await client.next("connected");
  return client;
}

/** The position of `channel` in a `connected`. */
export function positionIn(connected: FrameOf<"connected">, channel: string): Position {
  const verdict = connected.streams.find((stream) => stream.channel === channel);
  if (verdict === undefined || !("position" in verdict)) throw new Error(`expected a position of ${channel}, got none`);
  return verdict.position;
}
