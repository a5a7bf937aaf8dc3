// What a Redis registry can be told, checked once at the door.
import { type RedisAccess, type RedisAccessOptions, redisAccessDefaults, resolveAccess } from "../access-options.ts";
import { OptionCheck } from "../option-check.ts";

export interface RedisRegistryOptions extends RedisAccessOptions {
  /**
   * What every key begins with: letters, digits and `_ . : -`. Gateways that share visitors have the same; systems that share a Redis
   * have prefixes of their own. @defaultValue "trunkline:channels"
   */
  readonly prefix?: string;
}

export const redisRegistryDefaults = { prefix: "trunkline:channels", ...redisAccessDefaults } as const;

export interface RedisRegistrySettings extends RedisAccess {
  readonly prefix: string;
}

/** @throws {UsageError} `usage.bad-option` naming every wrong option, and never the password */
export function resolveRegistryOptions(options: RedisRegistryOptions): RedisRegistrySettings {
  const check = new OptionCheck();
  const access = resolveAccess(options, check);
  const prefix = check.prefix(options.prefix, redisRegistryDefaults.prefix);
  if (access === null || check.problems.length > 0) throw check.error("redisRegistry");
  return { ...access, prefix };
}
