// How a client introduces itself. PROTOCOL §2.3 and §7.5.
import type { HelloFrame, StreamRequest } from "../wire/frame.ts";
import { version } from "../wire/version.ts";

/** The first frame of a link. No `token`: the gateway takes the client for an anonymous one. */
export function hello(
  token: string | undefined,
  instance: string,
  generation: number,
  streams: readonly StreamRequest[],
): HelloFrame {
  return {
    type: "hello",
    token,
    instance,
    generation,
    client: `trunkline/${version}`,
    streams,
  };
}
