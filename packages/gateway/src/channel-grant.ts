// Which names a connection can be put on. Pure.
import { streamNameProblem } from "@trunkline/core/wire";

/** Why nobody can listen to `channel`, or null. Names are no paths, so `..` is never meant. */
export function grantProblem(channel: unknown): string | null {
  const problem = streamNameProblem(channel);
  if (problem !== null) return problem;
  return (channel as string).includes("..") ? 'expected no ".."' : null;
}
