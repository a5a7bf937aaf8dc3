/** `url` as it may be printed: without user, password, query and fragment, any of which may hold a key. */
export function redactUrl(url: string): string {
  return url.replace(/[?#].*$/s, "").replace(/^([^/]*\/\/)[^/]*@/, "$1");
}
