// Which publishes were already taken. One window serves the whole broker, so its memory has one bound.
import { hash } from "node:crypto";
import type { Place } from "@trunkline/core/ports";
import { untraced } from "@trunkline/core/wire";

interface Taken {
  /** SHA-256 of the body without trace context: a window of whole bodies could hold gigabytes. */
  readonly digest: string;
  readonly position: Place;
  readonly until: number;
}

export type Seen =
  | { readonly kind: "new" }
  | { readonly kind: "duplicate"; readonly position: Place }
  | { readonly kind: "conflict" };

/**
 * Remembers keys for `windowMs`, at most `maxKeys` of them: when they come faster, the oldest are given up early, but never
 * one of the newest half. Two generations instead of a queue: dropping the older one whole is the only clean-up there is.
 */
export class DedupeWindow {
  readonly #windowMs: number;
  readonly #maxKeys: number;
  #young = new Map<string, Taken>();
  #old = new Map<string, Taken>();
  #youngSince: number;
  /** Every key taken since then is remembered. */
  #since: number;

  constructor(windowMs: number, maxKeys: number, now: number) {
    this.#windowMs = windowMs;
    this.#maxKeys = maxKeys;
    this.#youngSince = now;
    this.#since = now;
  }

  /** Whether a key taken `agoMs` ago would still be known. */
  covers(agoMs: number, now: number): boolean {
    return agoMs < this.#windowMs && now - agoMs >= this.#since;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  look(key: string, body: string, now: number): Seen {
    const taken = this.#young.get(key) ?? this.#old.get(key);
    if (taken === undefined || taken.until <= now) return { kind: "new" };
    return taken.digest === digestOf(body) ? { kind: "duplicate", position: taken.position } : { kind: "conflict" };
  }

  take(key: string, body: string, position: Place, now: number): void {
    this.expire(now);
    if (this.#young.size >= this.#maxKeys / 2) this.#turn(now);
    this.#young.set(key, { digest: digestOf(body), position, until: now + this.#windowMs });
  }

  /** Lets go of keys that ran out; what is young now stays for up to two windows. */
  expire(now: number): void {
    if (this.size > 0 && now - this.#youngSince >= this.#windowMs) this.#turn(now);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }

  #turn(now: number): void {
    this.#old = this.#young;
    this.#young = new Map();
    this.#since = this.#youngSince;
    this.#youngSince = now;
  }
}

function digestOf(body: string): string {
  return hash("sha256", untraced(body), "base64");
}
