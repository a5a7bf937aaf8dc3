import { type AddressInfo, type Socket, connect, createServer } from "node:net";

export interface RoundRobinProxy {
  readonly url: string;
  /** Connections handed to each target so far. */
  readonly handed: readonly number[];
  close(): Promise<void>;
}

/** A TCP proxy that hands each connection to the next target: a load balancer without sticky sessions. */
export async function startRoundRobinProxy(targetUrls: readonly string[]): Promise<RoundRobinProxy> {
  const targets = targetUrls.map((url) => new URL(url));
  const handed = targets.map(() => 0);
  const sockets = new Set<Socket>();
  let next = 0;
  const server = createServer((inside) => {
    const index = next++ % targets.length;
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
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}
