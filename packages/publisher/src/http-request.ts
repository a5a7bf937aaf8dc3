// One POST of a batch, from the call to what it says of each event.
import { LinkError } from "@trunkline/core/errors";
import type { Clock, PlatformSignal } from "@trunkline/core/ports";
import { version } from "@trunkline/core/wire";
import { type Attempted, readAnswer } from "./http-answer.ts";
import type { HttpPlace } from "./http-place.ts";

/** The part of `fetch` that is used; the platform's fits. */
export type PublishFetch = (
  url: string,
  request: {
    readonly method: "POST";
    readonly headers: Record<string, string>;
    readonly body: string;
    readonly redirect: "manual";
    readonly signal: PlatformSignal;
  },
) => Promise<{
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  text(): Promise<string>;
}>;

export interface HttpRequestOptions {
  readonly place: HttpPlace;
  readonly fetch: PublishFetch;
  readonly attemptTimeoutMs: number;
  readonly clock: Pick<Clock, "setTimer" | "clearTimer">;
}

/** Never rejects. `items` are JSON texts. `controller` lets the caller give it up. */
export async function postBatch(
  { place, fetch, attemptTimeoutMs, clock }: HttpRequestOptions,
  items: readonly string[],
  controller: AbortController,
): Promise<readonly Attempted[]> {
  const { url, key } = place;
  let late = false;
  const timer = clock.setTimer(() => {
    late = true;
    controller.abort();
  }, attemptTimeoutMs);
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: {
        ...(key !== undefined && { authorization: `Bearer ${key}` }),
        "content-type": "application/json",
        "user-agent": `trunkline-publisher/${version}`,
      },
      body: `[${items.join(",")}]`,
      // A redirect would carry the key to another place.
      redirect: "manual",
      signal: controller.signal,
    });
    const { status, headers } = response;
    return readAnswer({ status, text: await response.text(), retryAfter: headers.get("retry-after") }, items.length);
  } catch (error) {
    const attempted: Attempted = late
      ? {
          kind: "doubt",
          error: new LinkError("link.timeout", `expected an answer of ${url} within ${attemptTimeoutMs} ms, got none`),
        }
      : networkFailure(url, key, error);
    return items.map(() => attempted);
  } finally {
    clock.clearTimer(timer);
  }
}

/** Failures of the connection itself: no request went out. */
const neverSent = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

function networkFailure(url: string, key: string | undefined, error: unknown): Attempted {
  const said = error as { readonly message?: string; readonly cause?: Failure } | null;
  // `fetch` wraps the reason, twice when a name has several addresses.
  const code = said?.cause?.code ?? said?.cause?.errors?.[0]?.code;
  const reason = typeof code === "string" ? code : (said?.cause?.message ?? said?.message ?? "it failed");
  // What a `fetch` of one's own says may quote the request.
  const shown = key === undefined ? reason : reason.replaceAll(key, "…");
  const failure = new LinkError("link.lost", `could not reach a gateway at ${url} (${shown})`);
  return { kind: neverSent.has(reason) ? "again" : "doubt", error: failure };
}

interface Failure {
  readonly code?: unknown;
  readonly message?: string;
  readonly errors?: readonly { readonly code?: unknown }[];
}
