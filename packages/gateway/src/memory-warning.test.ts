import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createGateway } from "./create-gateway.ts";
import { memoryBroker } from "./memory-broker.ts";
import type { GatewayOptions } from "./options.ts";
import { memoryRegistry } from "./pages/memory-registry.ts";

async function warningsOf(options: Partial<GatewayOptions>): Promise<readonly string[]> {
  const warnings: string[] = [];
  const silent = (): void => {};
  const logger = { debug: silent, info: silent, warn: (message: string) => void warnings.push(message), error: silent };
  const gateway = createGateway({ secretKeys: [{ key: "key", account: "acme" }], logger, ...options });
  await gateway.close();
  return warnings;
}

beforeEach(() => void vi.stubEnv("NODE_ENV", "production"));
afterEach(() => void vi.unstubAllEnvs());

it("P-27 a gateway in production without a broker says once that streams are in memory only, and what to do", async () => {
  const warnings = await warningsOf({});
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatch(/^streams are kept in the memory of this process only: .*redisBroker\(\{ url \}\)/);
});

it("P-27 one that shares its streams says so of what pages are subscribed to, unless a registry is given", async () => {
  const broker = memoryBroker();
  const secret = "0123456789abcdef0123456789abcdef";
  const [warning, ...more] = await warningsOf({ broker, pages: { secret } });
  expect(warning).toMatch(/^what pages are subscribed to is kept in the memory of this process only: .*redisRegistry/);
  expect(more).toEqual([]);
  expect(await warningsOf({ broker, pages: { secret, registry: memoryRegistry() } })).toEqual([]);
  await broker.close();
});

it("P-27 it says nothing where a broker is given, and nothing elsewhere", async () => {
  const broker = memoryBroker();
  expect(await warningsOf({ broker })).toEqual([]);
  await broker.close();
  for (const elsewhere of ["development", "test", undefined]) {
    vi.stubEnv("NODE_ENV", elsewhere);
    expect(await warningsOf({})).toEqual([]);
  }
});
