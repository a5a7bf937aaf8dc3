// How a client introduces itself. PROTOCOL §2.3 and §7.5.
import type { HelloFrame, StreamRequest } from "../wire/frame.ts";
import { version } from "../wire/version.ts";

/** What part of the account a client asks for: `{ organization: 5 }`, or the text that it stands for, `organization/5`. */
export type ScopeHint = string | Readonly<Record<string, string | number>>;

/** The first frame of a link. No `token`: the gateway takes the client for an anonymous one. */
export function hello(
  token: string | undefined,
  instance: string,
  generation: number,
  streams: readonly StreamRequest[],
  scope?: ScopeHint,
): HelloFrame {
  return {
    type: "hello",
    token,
    instance,
    generation,
    client: `trunkline/${version}`,
    streams,
    // §2.6: pairs of names and values.
    scope: typeof scope === "object" ? Object.entries(scope).flat().map(encodeURIComponent).join("/") : scope,
  };
}
