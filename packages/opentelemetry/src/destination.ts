import { companionOf } from "@trunkline/core/wire";

/** What spans call a channel. What is pushed to one page alone is on a stream that is named after that page's key: spans are no place for keys. */
export function destinationOf(channel: string): string {
  return companionOf(channel)?.kind === "page" ? "~page" : channel;
}
