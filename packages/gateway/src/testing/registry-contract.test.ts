import type { Registered } from "@trunkline/core/ports";
import { describe, expect, it } from "vitest";
import { CustomRegistry, type Known } from "../../../../test/support/custom-registry.ts";
import { registryContract } from "./index.ts";

registryContract("P-28 a custom", { describe, it, expect }, async () => {
  const registry = new CustomRegistry();
  return { registry, advance: (ms) => registry.turn(ms) };
});

/** Each breaks one sentence of the port. */
const broken: Readonly<Record<string, new () => CustomRegistry>> = {
  "an older holder's release counts": class extends CustomRegistry {
    override async release(key: string, _holder: string, ttlMs: number): Promise<boolean> {
      return super.release(key, this.find(key)?.holder ?? "", ttlMs);
    }
  },
  "an older holder stays": class extends CustomRegistry {
    override async hold(key: string, holder: string, ttlMs: number): Promise<readonly Registered[] | null> {
      return super.hold(key, this.find(key)?.holder ?? holder, ttlMs);
    }
  },
  "a holder that left is the holder still": class extends CustomRegistry {
    override async release(key: string, holder: string, ttlMs: number): Promise<boolean> {
      const released = await super.release(key, holder, ttlMs);
      if (released) Object.assign(this.find(key) ?? {}, { holder });
      return released;
    }
  },
  "releasing leaves the end": class extends CustomRegistry {
    override async release(key: string, holder: string): Promise<boolean> {
      return super.release(key, holder, (this.find(key)?.endsAt ?? 0) - this.now);
    }
  },
  "holding leaves the end": class extends CustomRegistry {
    override async hold(key: string, holder: string): Promise<readonly Registered[] | null> {
      return super.hold(key, holder, (this.find(key)?.endsAt ?? 0) - this.now);
    }
  },
  "holding never brings the end nearer": class extends CustomRegistry {
    override async hold(key: string, holder: string, ttlMs: number): Promise<readonly Registered[] | null> {
      return super.hold(key, holder, Math.max(ttlMs, (this.find(key)?.endsAt ?? 0) - this.now));
    }
  },
  "holding begins a key": class extends CustomRegistry {
    override async hold(key: string, holder: string, ttlMs: number): Promise<readonly Registered[] | null> {
      if (this.find(key) === null) this.keys.set(key, { channels: [], holder, endsAt: this.now + ttlMs });
      return super.hold(key, holder, ttlMs);
    }
  },
  "adding renews": class extends CustomRegistry {
    override async add(key: string, channels: readonly Registered[], ttlMs: number): Promise<void> {
      await super.add(key, channels, ttlMs);
      await this.renew([key], ttlMs);
    }
  },
  "adding takes the new position": class extends CustomRegistry {
    override async add(key: string, channels: readonly Registered[], ttlMs: number): Promise<void> {
      await this.remove(
        key,
        channels.map(({ channel }) => channel),
      );
      await super.add(key, channels, ttlMs);
    }
  },
  "adding lets go of the holder": class extends CustomRegistry {
    override async add(key: string, channels: readonly Registered[], ttlMs: number): Promise<void> {
      await super.add(key, channels, ttlMs);
      Object.assign(this.find(key) ?? {}, { holder: null });
    }
  },
  "reading renews": class extends CustomRegistry {
    override async read(key: string): Promise<readonly Registered[] | null> {
      await this.renew([key], 3_600_000);
      return super.read(key);
    }
  },
  "a key without channels is forgotten": class extends CustomRegistry {
    override async remove(key: string, channels: readonly string[]): Promise<void> {
      await super.remove(key, channels);
      if (this.find(key)?.channels.length === 0) this.keys.delete(key);
    }
  },
  "the order is that of names": class extends CustomRegistry {
    override async read(key: string): Promise<readonly Registered[] | null> {
      const byName = (a: Registered, b: Registered): number => (a.channel < b.channel ? -1 : 1);
      const read = await super.read(key);
      return read === null ? null : [...read].sort(byName);
    }
  },
  "positions are forgotten": class extends CustomRegistry {
    override async read(key: string): Promise<readonly Registered[] | null> {
      return (await super.read(key))?.map(({ channel }) => ({ channel, position: null })) ?? null;
    }
  },
  "what is read changes later": class extends CustomRegistry {
    override async read(key: string): Promise<readonly Registered[] | null> {
      return this.find(key)?.channels ?? null;
    }
    override async remove(key: string, channels: readonly string[]): Promise<void> {
      const known = this.find(key)?.channels ?? [];
      const left = known.filter(({ channel }) => !channels.includes(channel));
      known.splice(0, known.length, ...left);
    }
  },
  "renewing begins keys": class extends CustomRegistry {
    override async renew(keys: readonly string[], ttlMs: number): Promise<void> {
      for (const key of keys) await this.add(key, [], ttlMs);
      await super.renew(keys, ttlMs);
    }
  },
  "only the first is renewed": class extends CustomRegistry {
    override renew(keys: readonly string[], ttlMs: number): Promise<void> {
      return super.renew(keys.slice(0, 1000), ttlMs);
    }
  },
  "dropping does nothing": class extends CustomRegistry {
    override async drop(key: string): Promise<void> {
      this.find(key);
    }
  },
  "nothing ends": class extends CustomRegistry {
    override turn(): void {}
  },
  "names are shortened": class extends CustomRegistry {
    override add(key: string, channels: readonly Registered[], ttlMs: number): Promise<void> {
      const shortened = channels.map(({ channel, position }) => ({ channel: channel.slice(0, 511), position }));
      return super.add(key, shortened, ttlMs);
    }
  },
  "keys are shortened": class extends CustomRegistry {
    protected override find(key: string): Known | null {
      return super.find(key.slice(0, 64));
    }
  },
  "it closes and goes on": class extends CustomRegistry {
    override async close(): Promise<void> {}
  },
};

it.each(Object.entries(broken))("P-28 the contract rejects a registry where %s", async (_, Broken) => {
  const bodies: (() => Promise<void>)[] = [];
  const framework = {
    describe: (_name: string, body: () => void) => body(),
    it: (_name: string, body: () => Promise<void>) => bodies.push(body),
    expect,
  };
  registryContract("a broken", framework, async () => {
    const registry = new Broken();
    return { registry, advance: (ms) => registry.turn(ms) };
  });
  const results = await Promise.allSettled(bodies.map((body) => body()));
  expect(results.some(({ status }) => status === "rejected")).toBe(true);
});
