import { readFile } from "node:fs/promises";
import { type Server, createServer } from "node:http";
import { fileURLToPath } from "node:url";

const root = new URL("../../", import.meta.url);

/** What a page needs to load the built packages as native modules: bare names → built files. */
export const importMap = {
  imports: {
    trunkline: "/packages/trunkline/dist/browser.js",
    "trunkline/plain": "/packages/trunkline/dist/plain.js",
    "trunkline/event-stream": "/packages/trunkline/dist/event-stream.js",
    "trunkline/page": "/packages/trunkline/dist/page.js",
    "@trunkline/core": "/packages/core/dist/index.js",
    "@trunkline/core/event-stream": "/packages/core/dist/event-stream.js",
    "@trunkline/core/plain": "/packages/core/dist/plain.js",
    "@trunkline/core/ports": "/packages/core/dist/ports.js",
    "@trunkline/core/wire": "/packages/core/dist/wire.js",
    "@trunkline/core/errors": "/packages/core/dist/errors.js",
    "@trunkline/transport-browser": "/packages/transport-browser/dist/index.js",
    mitt: "/node_modules/mitt/dist/mitt.mjs",
  },
};

const pages: Readonly<Record<string, string>> = {
  "/esm.html": `<!doctype html><title>esm</title><script type="importmap">${JSON.stringify(importMap)}</script>
    <script type="module">import * as trunkline from "trunkline"; import { plain } from "trunkline/plain"; import { eventStreamTransport } from "trunkline/event-stream";
    window.trunkline = { ...trunkline, plain, eventStreamTransport };</script>`,
  "/script-tag.html": `<!doctype html><title>script</title><script src="/packages/trunkline/dist/trunkline.min.js"></script>`,
};

/** A server of blank pages that have the built client on `window.trunkline`. Attach a gateway to it. */
export function createPageServer(): Server {
  return createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    const page = pages[path];
    if (page !== undefined) {
      response.setHeader("content-type", "text/html").end(page);
      return;
    }
    if (!/^\/(packages|node_modules)\/[\w@/.-]+\.m?js$/.test(path) || path.includes("..")) {
      response.writeHead(404).end();
      return;
    }
    readFile(fileURLToPath(new URL(`.${path}`, root))).then(
      (bytes) => response.setHeader("content-type", "text/javascript").end(bytes),
      () => response.writeHead(404).end(),
    );
  });
}
