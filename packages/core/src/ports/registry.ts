// The Registry port: what visitors are subscribed to, by connection key, from before their socket exists until a while after it is gone.
// One contract suite (gateway/testing) decides what each implementation must do.
import type { Position } from "../wire/frame.ts";

/** A channel, and the position its stream had when the visitor was subscribed; null: from when the socket is there. */
export interface Registered {
  readonly channel: string;
  readonly position: Position | null;
}

/**
 * Each method is atomic and sees all that was done before it was called. It rejects with a `GatewayError` `gateway.unavailable` when it was not
 * done, or may not have been: done again it does no harm. A key is forgotten at its end, which is a number of milliseconds away, by the registry's clock.
 */
export interface Registry {
  readonly name: string;
  /**
   * Adds channels; one that the key has keeps its position. A key that is not known begins, and ends after `ttlMs`; one that is known keeps
   * its end.
   */
  add(key: string, channels: readonly Registered[], ttlMs: number): Promise<void>;
  /** Takes channels off; nothing where it is not on them. */
  remove(key: string, channels: readonly string[]): Promise<void>;
  /** What a key is subscribed to, in the order of adding; null when it is not known. */
  read(key: string): Promise<readonly Registered[] | null>;
  /**
   * A socket of the key is here: it becomes its holder, whoever held it before, and the key ends `ttlMs` from now.
   * @returns as `read`; null leaves nothing behind
   */
  hold(key: string, holder: string, ttlMs: number): Promise<readonly Registered[] | null>;
  /**
   * The socket is gone: when `holder` is the holder still, nobody is, and the key ends `ttlMs` from now. @returns whether it was
   */
  release(key: string, holder: string, ttlMs: number): Promise<boolean>;
  /** Puts the ends of keys to `ttlMs` from now, in one go; those not known stay so. Where it rejects, some may have been put there. */
  renew(keys: readonly string[], ttlMs: number): Promise<void>;
  /** Forgets a key. */
  drop(key: string): Promise<void>;
  close(): Promise<void>;
}
