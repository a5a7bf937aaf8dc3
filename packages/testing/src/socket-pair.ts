// Two ends of a connection without a network. Like TCP: bytes in order, an end for either direction, an abrupt loss for both.
import { Duplex } from "node:stream";

/** What one end writes the other reads, in a later microtask, as from a network. */
export function socketPair(): readonly [Duplex, Duplex] {
  const left = new SocketEnd();
  const right = new SocketEnd();
  left.peer = right;
  right.peer = left;
  return [left, right];
}

class SocketEnd extends Duplex {
  peer: SocketEnd | null = null;
  /** The other end's write, until this end wants more. */
  #onRead: (() => void) | null = null;

  override _read(): void {
    const done = this.#onRead;
    this.#onRead = null;
    done?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    process.nextTick(() => {
      if (this.peer === null || this.peer.destroyed) done(new Error("the other end is gone"));
      else this.peer.#take(chunk, done);
    });
  }

  override _final(done: () => void): void {
    process.nextTick(() => {
      if (this.peer?.destroyed === false) this.peer.push(null);
      done();
    });
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#onRead?.();
    // What was on its way still arrives; then the other end reads an end, as of a socket that was dropped.
    process.nextTick(() => {
      if (this.peer?.destroyed === false && !this.peer.readableEnded) this.peer.push(null);
    });
    done(error);
  }

  #take(chunk: Buffer, done: () => void): void {
    if (this.push(chunk)) done();
    else this.#onRead = done;
  }
}
