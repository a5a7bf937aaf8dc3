// Many streams at once over a line. Apart from it, so that only those who do that carry it.
import type { StreamRequest } from "../wire/frame.ts";
import type { Line } from "./line.ts";

/** As `client.subscribe` for each, in as few frames as they fit in. What becomes of them the line's `verdict` tells. */
export function subscribeAll({ inside: { driver } }: Line, streams: readonly Omit<StreamRequest, "position">[]): void {
  for (const { channel, token, rewind } of streams) driver.table.subscribe(channel, token, rewind);
  driver.flush();
}

/** As `client.unsubscribe` for each, in one frame. */
export function unsubscribeAll({ inside: { driver, settle } }: Line, channels: readonly string[]): void {
  driver.unsubscribe(channels);
  settle();
}
