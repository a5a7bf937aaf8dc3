// Which channel the path of an upgrade names at the raw door. PROTOCOL §16. Pure.
import { allChannel } from "@trunkline/core/publish";
import { channelProblem } from "@trunkline/core/wire";
import { grantProblem } from "./channel-grant.ts";
import { unknownOptions } from "./option-names.ts";
import { ownPaths } from "./own-paths.ts";

/** What stands behind the prefix. */
export type RawPath =
  | { readonly ok: true; readonly channel: string }
  /** It can't name a channel. */
  | { readonly ok: false; readonly problem: string };

/**
 * What the paths of raw links begin with, as the option `raw` says; null: there are none.
 * @param problems gets a line for each thing that is wrong
 */
export function rawPrefixOf(
  raw: boolean | { readonly prefix?: string } | null | undefined,
  problems: string[],
): string | null {
  if (raw === undefined || raw === false) return null;
  if (typeof raw !== "object" || raw === null) {
    if (raw !== true)
      problems.push(`raw: expected true, false or { prefix }, got ${raw === null ? "null" : typeof raw}`);
    return "/";
  }
  problems.push(...unknownOptions(raw, ["prefix"], "raw."));
  const { prefix = "/" } = raw;
  const problem = rawPrefixProblem(prefix);
  if (problem !== null) problems.push(`raw.prefix: ${problem}`);
  return prefix;
}

/** Why `prefix` can't be what the paths of raw links begin with, or null. */
export function rawPrefixProblem(prefix: unknown): string | null {
  if (typeof prefix === "string" && /^\/([\w.~-]+\/)*$/.test(prefix)) return null;
  const got = typeof prefix === "string" ? JSON.stringify(prefix) : typeof prefix;
  return `expected a path such as "/live/", with a slash at both ends, got ${got}`;
}

/**
 * The channel of a raw link.
 * @param path without the query
 * @param prefix null: there is no raw door
 * @returns null for a path that is not the raw door's
 */
export function rawPath(path: string, prefix: string | null): RawPath | null {
  if (prefix === null || !path.startsWith(prefix) || ownPaths.includes(path)) return null;
  const rest = path.slice(prefix.length);
  if (rest === "") return { ok: true, channel: allChannel };
  let channel: string;
  try {
    channel = decodeURIComponent(rest);
  } catch {
    return { ok: false, problem: "path: expected a percent-encoded channel, got another encoding" };
  }
  // What goes along with a channel has words that this door has not.
  const problem = channelProblem(channel) ?? grantProblem(channel);
  return problem === null ? { ok: true, channel } : { ok: false, problem: `path: ${problem}` };
}
