// POST /api/v1/pages, PROTOCOL §15.6: page sessions for servers that have no gateway in their process.
import type { IncomingMessage, ServerResponse } from "node:http";
import { GatewayError, UsageError } from "@trunkline/core/errors";
import type { Principal } from "../auth/principal.ts";
import { type PageCommand, readPageCommand } from "../pages/page-command.ts";
import type { NeutralPage, Pages } from "../pages/pages.ts";
import { type JsonPostOptions, type Refusal, createJsonPost, unauthorized } from "./json-post.ts";
import { sendJson } from "./json-response.ts";

export interface PagesApiOptions extends JsonPostOptions {
  readonly pages: Pick<Pages, "account" | "pageFor" | "subscribe" | "unsubscribe" | "pushTo">;
}

/** Handles every request to the path of pages; the caller has matched the path. */
export function createPagesApi(options: PagesApiOptions): (request: IncomingMessage, response: ServerResponse) => void {
  const { pages } = options;

  const obey = async (
    { unsubscribe, subscribe, push }: PageCommand,
    key: string,
    page: NeutralPage | null,
    response: ServerResponse,
  ): Promise<void> => {
    if (unsubscribe.length > 0) await pages.unsubscribe(key, unsubscribe);
    if (subscribe.length > 0) await pages.subscribe(key, subscribe);
    for (const { channel, data } of push) await pages.pushTo(key, channel, data);
    if (page !== null) return sendJson(response, 200, { id: page.id, key, setCookie: page.setCookie });
    if (!response.destroyed) response.writeHead(204, { "Cache-Control": "no-store" }).end();
  };

  return createJsonPost(options, {
    name: "pages",
    example: '{"cookie":null,"subscribe":["news"]}',
    remedy: "nothing is known about this request, send it again",
    refusal: (principal) => refusal(principal, pages.account),
    async answer(response, _, value) {
      const command = readPageCommand(value);
      if (typeof command === "string") return { status: 400, code: "gateway.bad-request", message: command };
      try {
        if ("key" in command.page) await obey(command, command.page.key, null, response);
        else {
          const page = await pages.pageFor(command.page);
          await obey(command, page.key, page, response);
        }
        return undefined;
      } catch (error) {
        const known = refusalOf(error);
        if (known === null) throw error;
        return known;
      }
    },
  });
}

function refusal(principal: Principal, account: string): Refusal | null {
  if (principal.kind === "anonymous") return unauthorized({ message: wantsKey });
  if (principal.kind === "secret" && principal.account === account) return null;
  return { status: 403, code: "gateway.forbidden", message: forbidden };
}

const wantsKey = "pages take a secret key; send it as Authorization: Bearer KEY";
const forbidden = "pages take a secret key of their own account, from a server";

/** What the caller did wrong, or can do about it; null: the gateway's own failure. */
function refusalOf(error: unknown): Refusal | null {
  if (error instanceof UsageError && error.code === "usage.bad-argument")
    return { status: 400, code: "gateway.bad-request", message: error.message };
  if (!(error instanceof GatewayError)) return null;
  const { code, message } = error;
  if (code === "gateway.too-large") return { status: 413, code, message };
  const again = code === "gateway.unavailable" || code === "gateway.outcome-unknown";
  return again ? { status: 503, code, message, headers: { "Retry-After": "1" } } : null;
}
