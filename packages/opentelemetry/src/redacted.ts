const query =
  /([?&](?:api_?key|key|token|access_token|id_token|auth|authorization|password|secret|sig|signature)=)[^&\s"'#]*/gi;
const userInfo = /(\/\/)[^\s/@"']+@/g;
const bearer = /(\bBearer +)[^\s"']+/gi;

/** `text` without the keys, tokens and passwords that URLs and headers carry. */
export function redacted(text: string): string {
  return text.replace(query, "$1…").replace(userInfo, "$1…@").replace(bearer, "$1…");
}
