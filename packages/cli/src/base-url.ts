import { UsageError } from "@trunkline/core/errors";

/** Where `trunkline start` listens when nothing else is said. */
export const defaultUrl = "http://127.0.0.1:7777";

/**
 * The gateway's base as an http(s) URL without a trailing slash: `ws` becomes `http`, `wss` and no scheme become `https`
 * (PROTOCOL §2.1).
 * @throws {UsageError} `usage.bad-argument`; the message does not repeat what may be a secret.
 */
export function resolveBase(given: string): string {
  const spelled = /^[a-z][a-z0-9+.-]*:\/\//i.test(given) ? given : `https://${given}`;
  let url: URL;
  try {
    url = new URL(spelled.replace(/^ws/i, "http"));
  } catch (cause) {
    throw new UsageError(
      "usage.bad-argument",
      `--url: expected a URL such as ${defaultUrl}, got one that can't be read`,
      { cause },
    );
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new UsageError(
      "usage.bad-argument",
      `--url: expected http, https, ws or wss, got ${url.protocol.slice(0, -1)}`,
    );
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw new UsageError("usage.bad-argument", "--url: expected no user, query or fragment; give a key with --api-key");
  }
  return url.href.replace(/\/$/, "");
}
