// One link between a client and whatever its transport reached, with two lanes in which things go wrong.
import { LinkError } from "@trunkline/core";
import type { Clock, Link, LinkClose, LinkListener, TimerHandle } from "@trunkline/core/ports";
import { byteLength } from "@trunkline/core/wire";
import { FaultLane, type MessageFaults } from "./fault-lane.ts";

export interface FaultLinkOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly closeTimeoutMs: number;
  toClient(): MessageFaults;
  toGateway(): MessageFaults;
  /** The client was told the end. */
  onOver(link: FaultLink): void;
}

const broken = (why: string): LinkClose => ({
  code: 1006,
  reason: "",
  cause: new LinkError("link.lost", `the link failed: ${why}, as a test asked`),
});

export class FaultLink implements LinkListener {
  /** The client's end. */
  readonly client: Link;
  readonly #options: FaultLinkOptions;
  readonly #listener: LinkListener;
  readonly #toClient: FaultLane;
  readonly #toGateway: FaultLane;
  readonly #inner: Link | null;
  /** How the inner link ended, from when it is told by it. */
  #innerClose: LinkClose | null = null;
  #asleep = false;
  #paused = false;
  #halfOpen = false;
  /** The client was told that it is open. */
  #opened = false;
  /** The client is done: nothing but the end is told. */
  #leaving = false;
  #over = false;
  #closeTimer: TimerHandle | null = null;

  /** @param open opens the inner link; null: the link is refused */
  constructor(options: FaultLinkOptions, listener: LinkListener, open: ((listener: LinkListener) => Link) | null) {
    this.#options = options;
    this.#listener = listener;
    const { clock, random } = options;
    const onCut = (): void => this.cut();
    this.#toClient = new FaultLane({ clock, random, faults: () => options.toClient(), onCut });
    this.#toGateway = new FaultLane({ clock, random, faults: () => options.toGateway(), onCut });
    this.#inner = open?.(this) ?? null;
    this.client = this.#clientEnd();
    if (this.#inner === null) queueMicrotask(() => this.#end(broken("refused")));
  }

  onOpen(protocol: string): void {
    this.#toClient.sign(() => {
      if (this.#leaving) return;
      this.#opened = true;
      this.#listener.onOpen(protocol);
    });
  }

  onMessage(data: string | Uint8Array): void {
    this.#toClient.message(sizeOf(data), () => {
      if (!this.#leaving) this.#listener.onMessage(data);
    });
  }

  onPong(): void {
    this.#toClient.sign(() => {
      if (!this.#leaving) this.#listener.onPong?.();
    });
  }

  onClose(close: LinkClose): void {
    this.#innerClose = close;
    this.#toClient.end(() => this.#end(close));
  }

  cut(): void {
    if (this.#over) return;
    if (!this.#halfOpen) this.#inner?.terminate();
    this.#end(broken("cut"));
  }

  halfOpen(): void {
    this.#halfOpen = true;
    this.#toClient.die();
    this.#toGateway.die();
  }

  sleep(asleep: boolean): void {
    this.#asleep = asleep;
    this.#toGateway.hold(asleep);
    this.#toClient.hold(asleep || this.#paused);
  }

  #pause(paused: boolean): void {
    this.#paused = paused;
    this.#toClient.hold(paused || this.#asleep);
  }

  #send(data: string | Uint8Array): void {
    if (!this.#opened || this.#leaving) return;
    this.#toGateway.message(sizeOf(data), () => this.#inner?.send(data));
  }

  #ping(): void {
    if (!this.#opened || this.#leaving) return;
    this.#toGateway.sign(() => this.#inner?.ping?.());
  }

  #close(code: number, reason: string): void {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#pause(false);
    // What was held back is dropped; an end among it still counts.
    if (this.#innerClose !== null && !this.#halfOpen) return this.#end(this.#innerClose);
    this.#toClient.empty();
    if (!this.#toGateway.clear) {
      // Nobody may ever hear of it.
      this.#closeTimer = this.#options.clock.setTimer(() => this.cut(), this.#options.closeTimeoutMs);
    }
    this.#toGateway.end(() => this.#inner?.close(code, reason));
  }

  #terminate(): void {
    this.#leaving = true;
    if (!this.#halfOpen) this.#inner?.terminate();
    this.#end({ code: 1006, reason: "" });
  }

  #end(close: LinkClose): void {
    if (this.#over) return;
    this.#over = true;
    this.#leaving = true;
    this.#toClient.die();
    this.#toGateway.die();
    if (this.#closeTimer !== null) this.#options.clock.clearTimer(this.#closeTimer);
    this.#options.onOver(this);
    this.#listener.onClose(close);
  }

  #clientEnd(): Link {
    const inner = this.#inner;
    const buffered = (): number => (inner?.bufferedAmount ?? 0) + this.#toGateway.bytes;
    return {
      raw: inner?.raw,
      get bufferedAmount() {
        return buffered();
      },
      send: (data) => this.#send(data),
      close: (code, reason) => this.#close(code, reason),
      terminate: () => this.#terminate(),
      // As the inner link: not every transport can.
      ...(inner?.pause !== undefined && {
        pause: () => {
          this.#pause(true);
          inner.pause?.();
        },
      }),
      ...(inner?.resume !== undefined && {
        resume: () => {
          this.#pause(false);
          if (!this.#paused) inner.resume?.();
        },
      }),
      ...(inner?.ping !== undefined && { ping: () => this.#ping() }),
    };
  }
}

function sizeOf(data: string | Uint8Array): number {
  return typeof data === "string" ? byteLength(data) : data.byteLength;
}
