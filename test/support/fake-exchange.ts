// An exchange's market feed over real sockets: subscriptions without ids, snapshots, numbered changes.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";

export class FakeExchange {
  readonly url: string;
  /** Subscriptions asked for, over all connections ever, oldest first. */
  readonly asked: string[] = [];
  /** Connections ever made. */
  accepted = 0;
  readonly #server: WebSocketServer;
  #sequence = 0;
  /** Whether questions are answered. */
  answers = true;

  private constructor(server: WebSocketServer) {
    this.#server = server;
    this.url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    server.on("connection", (socket) => {
      this.accepted++;
      socket.on("message", (data) => {
        const { op, product } = JSON.parse((data as Buffer).toString()) as {
          readonly op: string;
          readonly product: string;
        };
        this.#answer(socket, op, product);
      });
    });
  }

  static async start(port = 0): Promise<FakeExchange> {
    const server = new WebSocketServer({ port, host: "127.0.0.1" });
    await once(server, "listening");
    return new FakeExchange(server);
  }

  get connections(): number {
    return this.#server.clients.size;
  }

  change(product: string, side: "bids" | "asks", price: number, size: number): void {
    this.#tell({ type: "change", product, sequence: ++this.#sequence, side, price, size });
  }

  /** A change nobody is told of. */
  loseChange(): void {
    this.#sequence++;
  }

  say(text: string): void {
    for (const socket of this.#server.clients) socket.send(text);
  }

  /** Ends every connection without a close frame. */
  drop(): void {
    for (const socket of this.#server.clients) socket.terminate();
  }

  async stop(): Promise<void> {
    this.drop();
    this.#server.close();
    await once(this.#server, "close");
  }

  #answer(socket: WebSocket, op: string, product: string): void {
    if (op === "subscribe") this.asked.push(product);
    if (!this.answers) return;
    const send = (frame: object): void => socket.send(JSON.stringify(frame));
    if (op === "time") {
      // Other things come first.
      this.change("A", "bids", 9, 9);
      return send({ type: "time", ms: 1_234 });
    }
    if (op === "unsubscribe") return send({ type: "unsubscribed", product });
    if (product === "NOPE") return send({ type: "refused", product, message: "no such product" });
    send({ type: "heartbeat" });
    send({ type: "subscribed", product });
    send({ type: "snapshot", product, sequence: this.#sequence, bids: [[1, 10]], asks: [[2, 20]] });
  }

  #tell(frame: object): void {
    this.say(JSON.stringify(frame));
  }
}
