// The pages and their scripts: a fixed list, so that no request can name a file.
import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { fileURLToPath } from "node:url";
import { send, sendError } from "./http.ts";

const html = "text/html; charset=utf-8";
const css = "text/css; charset=utf-8";
const script = "text/javascript; charset=utf-8";

/** Content type and place of each path. */
function filesBelow(root: string): ReadonlyMap<string, readonly [contentType: string, file: string]> {
  return new Map([
    ["/", [html, `${root}page/index.html`]],
    ["/style.css", [css, `${root}page/style.css`]],
    ["/app.js", [script, `${root}dist/page/app.js`]],
    ["/esm.html", [html, `${root}page/esm.html`]],
    ["/esm.js", [script, `${root}page/esm.js`]],
    ["/trunkline.js", [script, `${root}dist/page/trunkline.js`]],
    ["/script-tag.html", [html, `${root}page/script-tag.html`]],
    ["/script-tag.js", [script, `${root}page/script-tag.js`]],
    ["/trunkline.min.js", [script, fileURLToPath(import.meta.resolve("trunkline/trunkline.min.js"))]],
  ]);
}

/** Answers for the paths it knows; false for any other, and nothing is done. */
export function createStaticFiles(): (request: IncomingMessage, response: ServerResponse) => boolean {
  const manifest = fileURLToPath(import.meta.resolve("@trunkline/playground/package.json"));
  const files = filesBelow(manifest.slice(0, -"package.json".length));
  return (request, response) => {
    const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
    const found = files.get(path);
    if (found === undefined) return false;
    if (request.method !== "GET" && request.method !== "HEAD") {
      sendError(response, 405, "unsupported", `expected GET, got ${request.method}`, { Allow: "GET, HEAD" });
      return true;
    }
    const [contentType, file] = found;
    readFile(file).then(
      (content) => send(response, 200, contentType, content),
      () => sendError(response, 503, "not-built", `${path} is not built yet: run \`npm run build\``),
    );
    return true;
  };
}
