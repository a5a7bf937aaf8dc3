/**
 * How deep an event may be nested, as JSON, all of it counted. Far below what makes an engine's `JSON.stringify` run out of stack: whoever reads an
 * event has to be able to write it again, in another form.
 */
export const maxDepth = 1000;

const quote = 0x22;
const backslash = 0x5c;

/** Whether `json`, a well-formed text, is nested deeper than `maxDepth`. */
export function isTooDeep(json: string): boolean {
  // Each level has two brackets.
  if (json.length <= 2 * maxDepth) return false;
  let depth = 0;
  let quoted = false;
  for (let index = 0; index < json.length; index++) {
    const unit = json.charCodeAt(index);
    if (unit === quote) quoted = !quoted;
    else if (quoted) index += unit === backslash ? 1 : 0;
    // "[" and "{", "]" and "}".
    else if (unit === 0x5b || unit === 0x7b) depth += 1;
    else if (unit === 0x5d || unit === 0x7d) depth -= 1;
    if (depth > maxDepth) return true;
  }
  return false;
}

/** What is said of such an event. */
export const tooDeep = `data: expected at most ${maxDepth} arrays and objects within each other, got more`;
