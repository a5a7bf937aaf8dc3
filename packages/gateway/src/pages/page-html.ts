// Puts the connection id of a page into its HTML. Reads it as a browser's tokenizer does, as far as is needed to find the one start tag, and
// every character at most a few times.
import { connectionAttribute } from "@trunkline/core/wire";

/** A start tag: from where its attributes begin. */
interface BodyTag {
  readonly start: number;
  /** From where to where the attribute stands that is there already. */
  readonly old: readonly [from: number, to: number] | null;
}

/**
 * The HTML with `data-trunkline-connection="…"` on its `<body>`; one that is there already is replaced. HTML without a `<body>` tag, and
 * text that is none, comes back as it is. Takes a whole page as a string: decode buffers and collect streams before.
 */
export function injectConnectionId(html: string, signedId: string): string {
  // JSON may hold HTML in its strings, and begins with something else.
  const body = html.trimStart().startsWith("<") ? findBody(html) : null;
  if (body === null) return html;
  const attribute = `${connectionAttribute}="${escaped(signedId)}"`;
  if (body.old === null) return `${html.slice(0, body.start)} ${attribute}${html.slice(body.start)}`;
  const [from, to] = body.old;
  return html.slice(0, from) + attribute + html.slice(to);
}

/** Elements whose content is text, whatever it looks like. */
const textElements = new Map(
  ["iframe", "noembed", "noframes", "noscript", "style", "textarea", "title", "xmp"].map((name) => [
    name,
    new RegExp(`</${name}(?=[\\t\\n\\f\\r />])`, "gi"),
  ]),
);

const tagName = /<(\/?)([a-z][^\t\n\f\r />]*)/iy;
const comment = /<!--(?:-?>|[^]*?--!?>)/y;
const spaces = /[\t\n\f\r /]*/y;
const attributeName = /=?[^\t\n\f\r />=]*/y;
const equals = /[\t\n\f\r ]*=[\t\n\f\r ]*/y;
const bareValue = /[^\t\n\f\r >]*/y;
const scriptMark = /<!--|-->|<(\/?)script(?=[\t\n\f\r />])/gi;

function findBody(html: string): BodyTag | null {
  let templates = 0;
  // Each of the searches either gets further or ends all of it.
  for (let at = html.indexOf("<"); at !== -1; at = html.indexOf("<", at)) {
    tagName.lastIndex = at;
    const tag = tagName.exec(html);
    if (tag === null) {
      const next = pastMarkup(html, at);
      if (next === -1) return null;
      at = next;
      continue;
    }
    const start = tagName.lastIndex;
    const isEnd = tag[1] !== "";
    const name = (tag[2] ?? "").toLowerCase();
    const attributes = readAttributes(html, start);
    if (attributes === null) return null;
    if (name === "body" && !isEnd && templates === 0) return { start, old: attributes.old };
    at = attributes.end;
    if (name === "template") templates = Math.max(0, templates + (isEnd ? -1 : 1));
    else if (!isEnd) at = pastText(html, at, name);
    if (at === -1) return null;
  }
  return null;
}

/** Behind a comment, `<!…>`, `<?…>` or `</…>` that is no tag, or a `<` that is text; -1 when it has no end. */
function pastMarkup(html: string, at: number): number {
  if (html.startsWith("<!--", at)) {
    const end = past(comment, html, at);
    return end === at ? -1 : end;
  }
  return /[!?/]/.test(html[at + 1] ?? "") ? html.indexOf(">", at + 2) : at + 1;
}

/** Where the text in an element ends that holds only text, else `at`; -1 when it has no end. */
function pastText(html: string, at: number, name: string): number {
  if (name === "script") return pastScript(html, at);
  if (name === "plaintext") return -1;
  const end = textElements.get(name);
  if (end === undefined) return at;
  end.lastIndex = at;
  return end.exec(html)?.index ?? -1;
}

/** A script in a comment in a script does not end it. */
function pastScript(html: string, at: number): number {
  let depth: "script" | "comment" | "script in comment" = "script";
  scriptMark.lastIndex = at;
  for (let mark = scriptMark.exec(html); mark !== null; mark = scriptMark.exec(html)) {
    if (mark[0] === "-->") depth = "script";
    else if (mark[0] === "<!--") {
      if (depth === "script") depth = "comment";
      // Its dashes may be those of its end.
      scriptMark.lastIndex = mark.index + 2;
    } else if (mark[1] === "") {
      if (depth === "comment") depth = "script in comment";
    } else if (depth === "script in comment") depth = "comment";
    else return mark.index;
  }
  return -1;
}

/** The rest of a tag, from behind its name; null when it has no end. */
function readAttributes(html: string, start: number): { readonly end: number; readonly old: BodyTag["old"] } | null {
  let old: BodyTag["old"] = null;
  for (let at = past(spaces, html, start); at < html.length; at = past(spaces, html, at)) {
    if (html[at] === ">") return { end: at + 1, old };
    const from = at;
    at = past(attributeName, html, from);
    const name = html.slice(from, at);
    const value = past(equals, html, at);
    if (value !== at) at = pastValue(html, value);
    if (at === -1) return null;
    // Of two, browsers take the first.
    if (old === null && name.toLowerCase() === connectionAttribute) old = [from, at];
  }
  return null;
}

function pastValue(html: string, at: number): number {
  const quote = html[at];
  if (quote !== '"' && quote !== "'") return past(bareValue, html, at);
  return html.indexOf(quote, at + 1) + 1 || -1;
}

/** Behind what a sticky pattern matches at `at`; `at` when it does not. */
function past(pattern: RegExp, html: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(html) ? pattern.lastIndex : at;
}

const entities: Readonly<Record<string, string>> = { "&": "&amp;", '"': "&quot;", "<": "&lt;", ">": "&gt;" };

function escaped(value: string): string {
  return value.replace(/[&"<>]/g, (sign) => entities[sign] ?? sign);
}
