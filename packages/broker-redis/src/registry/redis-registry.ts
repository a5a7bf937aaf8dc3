// The Redis registry: what visitors are subscribed to, shared by gateways. One hash per connection key, which Redis ends; one script
// per call.
import { randomBytes } from "node:crypto";
import type { Registered, Registry } from "@trunkline/core/ports";
import { LostError, asPortError, unavailable } from "../error-mapping.ts";
import { Fleet } from "../fleet.ts";
import { slotOfKey } from "../keys.ts";
import type { Script } from "../scripts/script.ts";
import { channelField, positionText, readRegistered } from "./registered-fields.ts";
import { type RedisRegistryOptions, type RedisRegistrySettings, resolveRegistryOptions } from "./registry-options.ts";
import { addScript, holdScript, readScript, releaseScript, renewScript } from "./registry-scripts.ts";

/** Keys renewed by one script. In a Cluster one: those of a slot that is moving may be on two nodes. */
const keysAtOnce = 500;
/** Redis takes no end that is further away. */
const maxTtlMs = 1e15;

/**
 * A registry on Redis ≥ 6.2. It connects by itself and keeps trying. A call whose connection was lost may have been executed though it
 * failed; it can be repeated. With `whenAway: "wait"` it is repeated until `waitMs` is over.
 * @throws {UsageError} `usage.bad-option` naming every wrong option
 */
export function redisRegistry(options: RedisRegistryOptions): Registry {
  return new RedisRegistry(resolveRegistryOptions(options));
}

class RedisRegistry implements Registry {
  readonly name = "redis";
  readonly #settings: RedisRegistrySettings;
  readonly #fleet: Fleet;

  constructor(settings: RedisRegistrySettings) {
    this.#settings = settings;
    this.#fleet = new Fleet("registry", settings, null);
  }

  async add(key: string, channels: readonly Registered[], ttlMs: number): Promise<void> {
    const fields = channels.flatMap(({ channel, position }) => [channelField(channel), positionText(position)]);
    await this.#run(addScript, [key], [wholeTtl(ttlMs), ...fields]);
  }

  async remove(key: string, channels: readonly string[]): Promise<void> {
    if (channels.length > 0) await this.#call("hdel", key, channels.map(channelField));
  }

  async read(key: string): Promise<readonly Registered[] | null> {
    return this.#registered(await this.#run(readScript, [key], []));
  }

  async hold(key: string, holder: string, ttlMs: number): Promise<readonly Registered[] | null> {
    return this.#registered(await this.#run(holdScript, [key], [holder, wholeTtl(ttlMs)]));
  }

  async release(key: string, holder: string, ttlMs: number): Promise<boolean> {
    const call = randomBytes(6).toString("base64url");
    return (await this.#run(releaseScript, [key], [holder, wholeTtl(ttlMs), call])) === 1;
  }

  async renew(keys: readonly string[], ttlMs: number): Promise<void> {
    const size = this.#fleet.cluster ? 1 : keysAtOnce;
    const calls: Promise<unknown>[] = [];
    for (let from = 0; from < keys.length; from += size)
      calls.push(this.#run(renewScript, keys.slice(from, from + size), [wholeTtl(ttlMs)]));
    const failed = (await Promise.allSettled(calls)).find((call) => call.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async drop(key: string): Promise<void> {
    await this.#call("del", key, []);
  }

  async close(): Promise<void> {
    this.#fleet.close();
  }

  #call(command: string, key: string, args: readonly string[]): Promise<unknown> {
    const input = [this.#keyOf(key), ...args];
    return this.#send(input[0] as string, (connection, asking) =>
      asking ? connection.callAsking(command, input) : connection.call(command, input),
    );
  }

  /** @param keys of one slot, at least one */
  #run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    const names = keys.map((key) => this.#keyOf(key));
    const input = [names.length, ...names, ...args];
    return this.#send(names[0] as string, (connection, asking) =>
      asking ? connection.runAsking(script, input) : connection.run(script, input),
    );
  }

  async #send(name: string, send: Parameters<Fleet["run"]>[1]): Promise<unknown> {
    const { clock, whenAway, waitMs } = this.#settings;
    const slot = this.#fleet.cluster ? slotOfKey(name) : 0;
    const deadline = clock.now() + (whenAway === "wait" ? waitMs : 0);
    for (;;) {
      try {
        return (await this.#fleet.run(slot, send, deadline)).value;
      } catch (error) {
        // To do it twice is to do it once.
        if (!(error instanceof LostError) || this.#fleet.closed || clock.now() >= deadline) throw asPortError(error);
      }
    }
  }

  #registered(answer: unknown): readonly Registered[] | null {
    const registered = readRegistered(answer);
    if (registered === undefined) throw unavailable("a key under this prefix holds something else: use another prefix");
    return registered;
  }

  #keyOf(key: string): string {
    return `${this.#settings.prefix}:${key}`;
  }
}

function wholeTtl(ttlMs: number): number {
  return Math.min(Math.ceil(ttlMs), maxTtlMs);
}
