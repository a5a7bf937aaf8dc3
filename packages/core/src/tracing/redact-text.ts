import { redactUrl } from "./redact-url.ts";

/** What may be a URL, whole or from its path on. */
const url = /[^\s"'`<>()]*(?::\/\/|\?)[^\s"'`<>()]*/g;
const bearer = /(\bBearer +)[^\s"']+/gi;

/** `text`, such as a message of an error, as a span may hold it: its URLs as `redactUrl` shows them, no bearer's token. */
export function redactText(text: string): string {
  return text.replace(url, redactUrl).replace(bearer, "$1REDACTED");
}
