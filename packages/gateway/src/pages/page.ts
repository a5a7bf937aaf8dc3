// One page on its way to a visitor, as the route sees it that answers with it.
import { UsageError } from "@trunkline/core/errors";
import { channelGrantProblem } from "../channel-grant.ts";
import { injectConnectionId } from "./page-html.ts";

/** Channels, one by one or in lists. */
export type PageChannels = readonly (string | readonly string[])[];

export interface Page {
  /** The signed connection id: belongs into the page, and is of use to its visitor alone. `html` puts it there. */
  readonly id: string;
  /** The connection key: what `gateway.pushTo` takes. Not for the page. */
  readonly key: string;
  /**
   * Subscribes the page: its socket, once it is there, begins where the channels are now. Resolves once that is registered, done here and on its way to
   * the other gateways. Calls on one gateway are done in their order.
   * @throws {UsageError} `usage.bad-argument`: no channel, or one that can't be
   * @throws {GatewayError} `gateway.unavailable`, `gateway.outcome-unknown`: call again
   */
  subscribe(...channels: PageChannels): Promise<void>;
  /** Takes the page off channels, now: its client is told `ended`. @throws as `subscribe` */
  unsubscribe(...channels: PageChannels): Promise<void>;
  /** The HTML of the page with its id in it; text without a `<body>` comes back as it is. @throws {UsageError} `usage.bad-argument`: no string */
  html(text: string): string;
}

export interface PageHost {
  subscribe(key: string, channels: readonly string[]): Promise<void>;
  unsubscribe(key: string, channels: readonly string[]): Promise<void>;
}

export function createPage(host: PageHost, id: string, key: string): Page {
  return {
    id,
    key,
    subscribe: async (...channels) => host.subscribe(key, checked("subscribe", channels)),
    unsubscribe: async (...channels) => host.unsubscribe(key, checked("unsubscribe", channels)),
    html(text) {
      if (typeof text === "string") return injectConnectionId(text, id);
      throw new UsageError(
        "usage.bad-argument",
        `page.html: expected the HTML of a page as a string, got ${typeof text}`,
      );
    },
  };
}

function checked(method: string, given: PageChannels): readonly string[] {
  const channels = [...new Set((given as readonly unknown[]).flat(Infinity))];
  const wrong = (problem: string): UsageError => new UsageError("usage.bad-argument", `page.${method}: ${problem}`);
  if (channels.length === 0) throw wrong("expected at least one channel, got none");
  for (const channel of channels) {
    const problem = channelGrantProblem(channel);
    if (problem !== null) throw wrong(`channel: ${problem}`);
  }
  return channels as readonly string[];
}
