// Channels that belong together by their name: `chat::1`, `chat::2`, which `chat::*` is the pattern of.
import { UsageError } from "../errors.ts";
import { channelProblem } from "../wire/limits.ts";

/**
 * The channel `name::qualifier`. The name has no "::" and no ":" at its end, so that no qualifier can pass for another name.
 * @throws {UsageError} `usage.bad-argument`
 */
export function qualified(name: string, qualifier: string | number | bigint): string {
  const channel = `${name}::${qualifier}`;
  const problem =
    name === "" || qualifier === ""
      ? "expected a name and a qualifier, got an empty one"
      : /::|:$/.test(name)
        ? 'expected a name without "::" and without ":" at its end'
        : channelProblem(channel);
  if (problem !== null) throw new UsageError("usage.bad-argument", `qualified: ${problem}`);
  return channel;
}
