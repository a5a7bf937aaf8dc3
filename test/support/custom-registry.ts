import { GatewayError } from "@trunkline/core/errors";
import type { Registered, Registry } from "@trunkline/core/ports";

export interface Known {
  channels: Registered[];
  holder: string | null;
  endsAt: number;
}

/** A registry as somebody else would write one, with nothing but the port at hand. */
export class CustomRegistry implements Registry {
  readonly name: string = "custom";
  protected readonly keys = new Map<string, Known>();
  protected now = 0;
  #closed = false;

  turn(ms: number): void {
    this.now += ms;
  }

  async add(key: string, channels: readonly Registered[], ttlMs: number): Promise<void> {
    const known = this.find(key) ?? { channels: [], holder: null, endsAt: this.now + ttlMs };
    this.keys.set(key, known);
    for (const each of channels)
      if (!known.channels.some(({ channel }) => channel === each.channel)) known.channels.push(each);
  }
  async remove(key: string, channels: readonly string[]): Promise<void> {
    const known = this.find(key);
    if (known !== null) known.channels = known.channels.filter(({ channel }) => !channels.includes(channel));
  }
  async read(key: string): Promise<readonly Registered[] | null> {
    const known = this.find(key);
    return known === null ? null : [...known.channels];
  }
  async hold(key: string, holder: string, ttlMs: number): Promise<readonly Registered[] | null> {
    const known = this.find(key);
    if (known === null) return null;
    Object.assign(known, { holder, endsAt: this.now + ttlMs });
    return [...known.channels];
  }
  async release(key: string, holder: string, ttlMs: number): Promise<boolean> {
    const known = this.find(key);
    if (known?.holder !== holder) return false;
    Object.assign(known, { holder: null, endsAt: this.now + ttlMs });
    return true;
  }
  async renew(keys: readonly string[], ttlMs: number): Promise<void> {
    for (const key of keys) Object.assign(this.find(key) ?? {}, { endsAt: this.now + ttlMs });
  }
  async drop(key: string): Promise<void> {
    this.find(key);
    this.keys.delete(key);
  }
  async close(): Promise<void> {
    this.#closed = true;
  }

  protected find(key: string): Known | null {
    if (this.#closed) throw new GatewayError("gateway.unavailable", "the custom registry is closed");
    const known = this.keys.get(key) ?? null;
    if (known === null || known.endsAt > this.now) return known;
    this.keys.delete(key);
    return null;
  }
}
