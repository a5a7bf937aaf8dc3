import { type AddressInfo, type Socket, connect, createServer } from "node:net";

/** A TCP proxy that fails on demand. */
export interface ChaosProxy {
  readonly url: string;
  /** Connections that came in so far. */
  readonly accepted: number;
  /** Connections alive now. */
  readonly alive: number;
  /** Where connections go from now on: each to the next one that can be reached. Those that are there stay. */
  route(...targetUrls: readonly string[]): void;
  /** Resets every connection and refuses new ones until `heal`. */
  cut(): void;
  /** Takes bytes from both sides and passes none on, new connections included, until `heal`. */
  freeze(): void;
  /** Passes at most so many bytes per second from the target to each connection, until `heal`. */
  slow(bytesPerSecond: number): void;
  /** Lets everything through again; what was taken while frozen is passed on first. */
  heal(): void;
  /** Resets every connection once; new ones are served. */
  reset(): void;
  close(): Promise<void>;
}

type Mode = { readonly kind: "pass" | "cut" | "frozen" } | { readonly kind: "slow"; readonly bytesPerSecond: number };

/** Starts a proxy on a free loopback port in front of `targetUrls`, which take turns. */
export async function startChaosProxy(...targetUrls: readonly string[]): Promise<ChaosProxy> {
  const pairs = new Set<Pair>();
  let targets = targetUrls;
  let mode: Mode = { kind: "pass" };
  let accepted = 0;

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (inside) => {
    const turn = accepted++;
    if (mode.kind === "cut") {
      inside.on("error", () => {}).resetAndDestroy();
      return;
    }
    const turns = targets.map((_, index) => targets[(turn + index) % targets.length] as string);
    const pair = new Pair(inside, turns, () => pairs.delete(pair));
    pairs.add(pair);
    pair.apply(mode);
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", () => resolve()));
  const apply = (next: Mode): void => {
    mode = next;
    for (const pair of pairs) pair.apply(mode);
  };
  const resetAll = (): void => {
    for (const pair of pairs) pair.reset();
  };

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get accepted() {
      return accepted;
    },
    get alive() {
      return pairs.size;
    },
    route(...urls) {
      targets = urls;
    },
    cut() {
      mode = { kind: "cut" };
      resetAll();
    },
    freeze: () => apply({ kind: "frozen" }),
    slow: (bytesPerSecond) => apply({ kind: "slow", bytesPerSecond }),
    heal: () => apply({ kind: "pass" }),
    reset: resetAll,
    close() {
      mode = { kind: "cut" };
      resetAll();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}

/** One connection and its other half towards the target. */
class Pair {
  readonly #inside: Socket;
  readonly #onGone: () => void;
  #outside: Socket | null = null;
  #mode: Mode = { kind: "pass" };
  #wake: NodeJS.Timeout | undefined;

  constructor(inside: Socket, targets: readonly string[], onGone: () => void) {
    this.#inside = inside;
    this.#onGone = onGone;
    inside.on("error", () => this.reset()).on("close", () => this.#end());
    inside.pause();
    this.#dial(targets);
  }

  apply(mode: Mode): void {
    this.#mode = mode;
    clearTimeout(this.#wake);
    for (const socket of [this.#inside, this.#outside]) {
      if (mode.kind === "frozen") socket?.pause();
      else if (this.#outside !== null) socket?.resume();
    }
  }

  reset(): void {
    this.#inside.resetAndDestroy();
    this.#outside?.resetAndDestroy();
    this.#end();
  }

  /** The first of `targets` that answers. */
  #dial([target, ...others]: readonly string[]): void {
    if (target === undefined) return this.reset();
    const { hostname, port } = new URL(target);
    const outside = connect({ host: hostname, port: Number(port), allowHalfOpen: true, noDelay: true });
    const next = (): void => this.#dial(others);
    outside.once("error", next);
    outside.once("connect", () => {
      outside.off("error", next).on("error", () => this.reset());
      if (this.#inside.destroyed) return void outside.resetAndDestroy();
      this.#outside = outside;
      this.#pass(this.#inside, outside);
      this.#pass(outside, this.#inside);
      this.apply(this.#mode);
    });
  }

  #pass(from: Socket, to: Socket): void {
    from.on("data", (bytes) => {
      if (!to.write(bytes)) from.pause();
      if (this.#mode.kind !== "slow" || from === this.#inside) return;
      from.pause();
      this.#wake = setTimeout(() => this.#resume(from), (bytes.length / this.#mode.bytesPerSecond) * 1000);
    });
    to.on("drain", () => {
      if (this.#mode.kind !== "slow") this.#resume(from);
    });
    from.on("end", () => to.end());
    from.on("close", () => {
      to.destroy();
      this.#end();
    });
  }

  #resume(socket: Socket): void {
    if (this.#mode.kind !== "frozen") socket.resume();
  }

  #end(): void {
    clearTimeout(this.#wake);
    this.#onGone();
  }
}
