import { type AddressInfo, type Socket, connect, createServer } from "node:net";

export interface RoundRobinProxy {
  readonly url: string;
  /** Connections handed to each target so far. */
  readonly handed: readonly number[];
  /** Hands nothing more to a target. */
  skip(index: number): void;
  /** Ends all connections, as a network does that changes. */
  cut(): void;
  close(): Promise<void>;
}

/** A TCP proxy that hands each connection to the next target: a load balancer without sticky sessions. */
export async function startRoundRobinProxy(targetUrls: readonly string[]): Promise<RoundRobinProxy> {
  const targets = targetUrls.map((url) => new URL(url));
  const handed = targets.map(() => 0);
  const skipped = new Set<number>();
  const sockets = new Set<Socket>();
  let next = 0;
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const server = createServer((inside) => {
    let index = next++ % targets.length;
    for (let tries = 0; skipped.has(index) && tries < targets.length; tries++) index = next++ % targets.length;
    const target = targets[index] as URL;
    handed[index] = (handed[index] ?? 0) + 1;
    const outside = connect(Number(target.port), target.hostname);
    for (const [from, to] of [
      [inside, outside],
      [outside, inside],
    ] as const) {
      sockets.add(from);
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", () => resolve()));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    handed,
    skip: (index) => void skipped.add(index),
    cut,
    close() {
      cut();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}
