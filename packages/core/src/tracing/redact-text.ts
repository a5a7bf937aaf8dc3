import { redactUrl } from "./redact-url.ts";

/** What may be a URL, whole or from its path on. */
const url = /[^\s"'`<>()]*(?::\/\/|\?)[^\s"'`<>()]*/g;
const bearer = /(\bBearer +|\bAuthorization: *\w+ +)[^\s"']+/gi;
/** A JSON Web Token: header, claims and perhaps a signature. */
const jwt = /\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?/g;

/** `text`, such as a message of an error, as a span may hold it: its URLs as `redactUrl` shows them, no credentials. */
export function redactText(text: string): string {
  return text.replace(url, redactUrl).replace(bearer, "$1REDACTED").replace(jwt, "REDACTED");
}
