import { type AddressInfo, type Socket, connect, createServer } from "node:net";

/** A TCP proxy that fails on demand. */
export interface ChaosProxy {
  readonly url: string;
  /** Connections that came in so far. */
  readonly accepted: number;
  /** Connections alive now. */
  readonly alive: number;
  /** Resets every connection and refuses new ones until `heal`. */
  cut(): void;
  /** Takes bytes from both sides and passes none on, new connections included, until `heal`. */
  freeze(): void;
  /** Lets everything through again; what was taken while frozen is passed on first. */
  heal(): void;
  /** Resets every connection once; new ones are served. */
  reset(): void;
  close(): Promise<void>;
}

/** Starts a proxy on a free loopback port in front of `targetUrl`. */
export async function startChaosProxy(targetUrl: string): Promise<ChaosProxy> {
  const target = new URL(targetUrl);
  const sockets = new Set<Socket>();
  let mode: "pass" | "cut" | "frozen" = "pass";
  let accepted = 0;

  const server = createServer((inside) => {
    accepted++;
    if (mode === "cut") {
      inside.resetAndDestroy();
      return;
    }
    const outside = connect(Number(target.port), target.hostname);
    for (const [from, to] of [
      [inside, outside],
      [outside, inside],
    ] as const) {
      sockets.add(from);
      from.on("data", (bytes) => to.write(bytes));
      from.on("end", () => to.end());
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
      if (mode === "frozen") from.pause();
    }
  });
  const listen = () => new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", () => resolve()));
  await listen();
  const resetAll = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get accepted() {
      return accepted;
    },
    get alive() {
      return sockets.size / 2;
    },
    cut() {
      mode = "cut";
      resetAll();
    },
    freeze() {
      mode = "frozen";
      for (const socket of sockets) socket.pause();
    },
    heal() {
      mode = "pass";
      for (const socket of sockets) socket.resume();
    },
    reset: resetAll,
    close() {
      resetAll();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}
