// Which publishes were already taken. One window serves the whole broker, so its memory has one bound.
import { hash } from "node:crypto";
import type { Position } from "@trunkline/core/wire";

interface Taken {
  /** SHA-256 of the body: a window of whole bodies could hold gigabytes. */
  readonly digest: string;
  readonly position: Position;
  readonly until: number;
}

export type Seen =
  | { readonly kind: "new" }
  | { readonly kind: "duplicate"; readonly position: Position }
  | { readonly kind: "conflict" };

/** Remembers keys for `windowMs`, at most `maxKeys` of them: beyond that the oldest are given up early. */
export class DedupeWindow {
  readonly #windowMs: number;
  readonly #maxKeys: number;
  /** In the order they were taken, which is the order they run out. */
  readonly #taken = new Map<string, Taken>();

  constructor(windowMs: number, maxKeys: number) {
    this.#windowMs = windowMs;
    this.#maxKeys = maxKeys;
  }

  get size(): number {
    return this.#taken.size;
  }

  look(key: string, body: string, now: number): Seen {
    const taken = this.#taken.get(key);
    if (taken === undefined || taken.until <= now) return { kind: "new" };
    return taken.digest === digestOf(body) ? { kind: "duplicate", position: taken.position } : { kind: "conflict" };
  }

  take(key: string, body: string, position: Position, now: number): void {
    // Deleted first: a key that ran out and is taken again belongs at the end.
    this.#taken.delete(key);
    this.#taken.set(key, { digest: digestOf(body), position, until: now + this.#windowMs });
    this.expire(now);
  }

  expire(now: number): void {
    for (const [key, { until }] of this.#taken) {
      if (until > now && this.#taken.size <= this.#maxKeys) return;
      this.#taken.delete(key);
    }
  }

  clear(): void {
    this.#taken.clear();
  }
}

function digestOf(body: string): string {
  return hash("sha256", body, "base64");
}
