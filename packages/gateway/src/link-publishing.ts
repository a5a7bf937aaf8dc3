// Publishing over a link (PROTOCOL §8.5): who may, and in whose name.
import { type Publishing, type PublishOutcome, accountChannel } from "@trunkline/core/publish";
import { type PublishRequest, publishProblem } from "@trunkline/core/wire";
import { idForbidden, mayPublish, mayUseId, principalKey } from "./auth/principal.ts";
import type { Connection } from "./connection.ts";
import { type GatewayStats, countRefused } from "./metrics.ts";
import type { PublishAttempt } from "./options.ts";

export interface LinkPublishingOptions {
  readonly publishing: Publishing;
  /** Decides on what a principal may not publish by itself; undefined: no. */
  readonly authorize: ((attempt: PublishAttempt) => boolean | Promise<boolean>) | undefined;
  readonly stats: GatewayStats;
  /** The authorizer threw or rejected. */
  readonly onFailure: (cause: unknown) => void;
}

/** A connection that wants to publish; `over` once nobody hears the answer any more. */
type Author = Connection & { readonly over: boolean };

export interface LinkPublishing {
  /** Never rejects. Without an authorizer to wait for, order of calls is order of offsets. */
  publish(author: Author, request: PublishRequest, retryMs: number | undefined): Promise<PublishOutcome>;
}

export function createLinkPublishing(options: LinkPublishingOptions): LinkPublishing {
  const { publishing, authorize, stats, onFailure } = options;

  const refuse = (status: number, code: string, message: string): PublishOutcome => {
    countRefused(stats, code);
    return { ok: false, status, error: { code, message } };
  };

  return {
    async publish(author, request, retryMs) {
      const { principal } = author;
      const { account } = principal;
      const scope = { account, dedupePrefix: principalKey(principal) };
      const { channel = accountChannel(account) } = request;
      if (!mayUseId(principal, request.id)) return refuse(403, "gateway.forbidden", idForbidden);
      // A channel that is no text is nobody's, and told as such.
      if (typeof channel === "string" && !mayPublish(principal, channel)) {
        if (authorize === undefined) return refuse(403, "gateway.forbidden", forbidden);
        // An authorizer is asked about names only that can be names.
        const problem = publishProblem(request);
        if (problem !== null) return refuse(400, "gateway.bad-request", problem);
        const { event } = request;
        try {
          const answer = authorize({ principal, channel, event, connection: author });
          const allowed = typeof answer === "boolean" ? answer : (await answer) === true;
          // Whoever was closed meanwhile may not any more.
          if (!allowed || author.over) return refuse(403, "gateway.forbidden", forbidden);
        } catch (cause) {
          onFailure(cause);
          return refuse(403, "gateway.forbidden", forbidden);
        }
      }
      return publishing.publish(scope, request, retryMs);
    },
  };
}

/** The same words whatever the channel is. */
const forbidden =
  "this connection may not publish this; publish with a secret key, or have `authorizePublish` allow it";
