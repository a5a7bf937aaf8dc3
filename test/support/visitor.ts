// Somebody who loads pages in a browser: a cookie, pages, and the sockets of those.
import type { Gateway, NeutralPage } from "@trunkline/gateway";
import { type FrameClient, type FrameOf, connectV1 } from "./frame-client.ts";

/** What page sessions need in tests. */
export const pageSecret = "0123456789abcdef0123456789abcdef";

export class Visitor {
  cookie: string | undefined;

  /** Loads a page: the cookie comes with the first one. */
  async load(gateway: Gateway): Promise<NeutralPage> {
    const page = await gateway.pageFor({ cookie: this.cookie });
    this.cookie ??= page.setCookie?.split(";")[0];
    return page;
  }

  /** What its browser sends along. */
  get headers(): Record<string, string> {
    return this.cookie === undefined ? {} : { cookie: this.cookie };
  }

  /** The socket of a page, once it is connected. */
  connect(
    socketUrl: string,
    page: { readonly id: string },
    options: Omit<Parameters<typeof connectV1>[1], "headers"> = {},
  ): Promise<FrameClient & { readonly hello: FrameOf<"connected"> }> {
    return connectV1(pageUrl(socketUrl, page.id), { ...options, headers: this.headers });
  }
}

/** Where the socket of a page connects. */
export function pageUrl(url: string, id: string): string {
  return `${url}?connection=${encodeURIComponent(id)}`;
}
