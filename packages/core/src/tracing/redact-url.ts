/** Names of query parameters whose values let somebody in, or say who it is. */
const telling =
  /key|token|secret|sign|^sig$|pass|auth|cred|session|jwt|ticket|pwd|^code$|^connection$|(?:^|[-_.])id$|Id$/i;

/** `url` as a span may hold it: `?api_key=REDACTED`, without user, password and fragment. */
export function redactUrl(url: string): string {
  const [, base = "", query] = /^([^?#]*)(?:\?([^#]*))?/.exec(url) ?? [];
  const host = base.replace(/^([^/]*\/\/)[^/]*@/, "$1");
  return query === undefined ? host : `${host}?${query.split("&").map(redactPair).join("&")}`;
}

function redactPair(pair: string): string {
  const [name = ""] = pair.split("=", 1);
  // What has no name may be anything.
  if (name === pair && pair !== "") return "REDACTED";
  return telling.test(unescaped(name)) ? `${name}=REDACTED` : pair;
}

function unescaped(name: string): string {
  return name.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
