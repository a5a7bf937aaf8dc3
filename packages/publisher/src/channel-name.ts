// Names in two parts, as in `trunkline/model_create`.
import { UsageError } from "@trunkline/core/errors";
import { channelProblem } from "@trunkline/core/wire";

/** What keys and channels in Redis begin with when nothing else is said; the same as `redisBrokerDefaults.prefix`. */
export const defaultNamespace = "trunkline";

/**
 * `channelName("trunkline", "model_create")` is `trunkline/model_create`; a group may have parts of its own, a namespace not.
 * @throws {UsageError} `usage.bad-argument`
 */
export function channelName(namespace: string, group: string): string {
  const name = `${namespace}/${group}`;
  const problem = /^[^/*]+$/.test(namespace)
    ? group === ""
      ? "expected a group that is not empty"
      : channelProblem(name)
    : `expected a namespace that is not empty and has no "/" and no "*", got ${JSON.stringify(namespace)}`;
  if (problem === null) return name;
  throw new UsageError("usage.bad-argument", `channelName: ${problem}`);
}
