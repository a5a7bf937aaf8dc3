// Which names a connection can be put on. Pure.
import { channelProblem, streamNameProblem } from "@trunkline/core/wire";

/** Why nobody can listen to `stream`, or null. Names are no paths, so `..` is never meant. */
export function grantProblem(stream: unknown): string | null {
  return streamNameProblem(stream) ?? pathProblem(stream as string);
}

/** The same of a name that must be a channel's own, and no companion of one. */
export function channelGrantProblem(channel: unknown): string | null {
  return channelProblem(channel) ?? pathProblem(channel as string);
}

function pathProblem(name: string): string | null {
  return name.includes("..") ? 'expected no ".."' : null;
}
