// One connection that notes what it is told, and when.
import { once } from "node:events";
import type { GatewayFrame } from "@trunkline/core/wire";
import { WebSocket } from "ws";

export class Listener {
  /** Data of the events that came. */
  readonly heard: unknown[] = [];
  /** When it was taken off its channel last, and when its link ended, by `performance.now()`; null: not yet. */
  takenOffAt: number | null = null;
  endedAt: number | null = null;
  /** Whether it is on its channel. */
  on = false;
  readonly #ws: WebSocket;

  private constructor(ws: WebSocket) {
    this.#ws = ws;
    ws.on("message", (data: Buffer) => {
      const decoded = JSON.parse(data.toString()) as GatewayFrame | readonly GatewayFrame[];
      for (const frame of [decoded].flat() as GatewayFrame[]) this.#take(frame);
    });
    ws.on("close", () => (this.endedAt = performance.now()));
    ws.on("error", () => {});
  }

  static async open(gatewayUrl: string, token: string): Promise<Listener> {
    const ws = new WebSocket(`${gatewayUrl.replace("http", "ws")}/api/ws/v1/events`, ["trunkline.v1"]);
    const listener = new Listener(ws);
    await once(ws, "open");
    ws.send(JSON.stringify({ type: "hello", instance: "verify", token }));
    return listener;
  }

  leave(): void {
    this.#ws.terminate();
  }

  #take(frame: GatewayFrame): void {
    if (frame.type === "event") this.heard.push(frame.data);
    else if (frame.type === "ping") this.#ws.send('{"type":"pong"}');
    else if (frame.type === "connected" || frame.type === "verdict") {
      for (const { verdict } of frame.streams) {
        this.on = verdict !== "ended" && verdict !== "refused";
        if (verdict === "ended") this.takenOffAt = performance.now();
      }
    }
  }
}
