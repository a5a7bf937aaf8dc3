/** `text` without the keys that URLs of the plain dialect carry, for whatever is logged or shown. */
export function redact(text: string): string {
  return text.replace(/(api_key=)[^&\s"']*/gi, "$1…");
}
