// One HTTP publish (PROTOCOL §8), and what to tell a person when it fails.
import { publishPath, version } from "@trunkline/core/wire";

export type PublishAnswer =
  | { readonly kind: "accepted"; readonly body: unknown }
  /** `sent` is false when the gateway can't have seen the request. */
  | { readonly kind: "failed"; readonly message: string; readonly sent: boolean };

export interface PublishTarget {
  /** From `resolveBase`. */
  readonly base: string;
  readonly apiKey: string;
}

/** How long an answer may take, in milliseconds. */
const answerTimeoutMs = 30_000;

/** Never throws. `body` is JSON text: one request or an array of them. */
export async function postPublish(target: PublishTarget, body: string): Promise<PublishAnswer> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(`${target.base}${publishPath}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${target.apiKey}`,
        "content-type": "application/json",
        "user-agent": `trunkline-cli/${version}`,
      },
      body,
      // A redirect would carry the key to another place.
      redirect: "manual",
      signal: AbortSignal.timeout(answerTimeoutMs),
    });
    text = await response.text();
  } catch (error) {
    return unreachableGateway(target.base, error);
  }
  const parsed = parsedOrNull(text);
  if (response.ok && typeof parsed === "object" && parsed !== null) return { kind: "accepted", body: parsed };
  if (response.ok)
    return {
      kind: "failed",
      sent: true,
      message: `${target.base} answered ${response.status} without a receipt: is it a trunkline gateway?`,
    };
  return { kind: "failed", sent: true, message: explainStatus(response.status, parsed) };
}

/** What a refusal means and what to do, with the gateway's own words when it sent some. */
export function explainStatus(status: number, body: unknown): string {
  const error = (body as { readonly error?: { readonly message?: unknown } } | null)?.error;
  const said = typeof error?.message === "string" ? `: ${error.message}` : "";
  return `${status}${said}${hints[status] ?? (status >= 300 && status < 400 ? redirectHint : "")}`;
}

const redirectHint = ". The address redirects; give the final one with --url";
const hints: Readonly<Record<number, string>> = {
  401: ". Check --api-key or TRUNKLINE_API_KEY",
  403: ". Publishing takes a secret key, and stays inside its account",
  404: ". Nothing takes publishes at that address; check --url",
  409: ". Give another --id, or none",
  413: ". Send less data",
  429: ". Wait a moment and try again",
  503: ". Try again in a few seconds",
};

function parsedOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function unreachableGateway(base: string, error: unknown): PublishAnswer {
  if (error instanceof Error && error.name === "TimeoutError") {
    return {
      kind: "failed",
      sent: true,
      message: `${base} did not answer within ${answerTimeoutMs / 1000} s; the event may have been published`,
    };
  }
  const code = networkCode(error);
  const sent = !neverSent.has(code);
  const doubt = sent ? "; the event may have been published" : "";
  return {
    kind: "failed",
    sent,
    message: `can't reach a gateway at ${base} (${code})${doubt}. Is one running there? \`trunkline start\` starts one`,
  };
}

/** Failures of the connection itself: no request went out. */
const neverSent = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "bad port"]);

/** `fetch` wraps the reason, twice when a name has several addresses. */
function networkCode(error: unknown): string {
  const cause = (error as { readonly cause?: unknown }).cause as
    | { readonly code?: unknown; readonly message?: unknown; readonly errors?: readonly { readonly code?: unknown }[] }
    | undefined;
  const code = cause?.code ?? cause?.errors?.[0]?.code;
  if (typeof code === "string" && code !== "") return code;
  return typeof cause?.message === "string" ? cause.message : "connection failed";
}
