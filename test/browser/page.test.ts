import { readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import {
  type Connection,
  type Gateway,
  createGateway,
  injectConnectionId,
  newConnectionId,
  signConnectionId,
  verifyConnectionId,
} from "@trunkline/gateway";
import type { Browser } from "playwright-core";
import { rollup } from "rollup";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launchChromium } from "../support/chromium.ts";
import { createPageServer, importMap } from "../support/page-server.ts";
import { until } from "../support/until.ts";

// A page that its server has bound to the visitor, in a real Chromium.

const key = "a key of this test";
const module = `
  import { createClient } from "trunkline";
  import { eventStreamTransport } from "trunkline/event-stream";
  import { connectionIdFromDocument, resolveSocketUrl, withConnection } from "trunkline/page";
  const connectionId = connectionIdFromDocument();
  window.said = { connectionId, socket: connectionId && resolveSocketUrl(location, { connectionId }) };
  const transport = location.search === "?stream" ? { transport: eventStreamTransport() } : {};
  window.client = createClient({ url: withConnection(location.origin, connectionId), ...transport });`;
const html = `<!doctype html><!-- <body> --><title><body></title><script type="importmap">${JSON.stringify(importMap)}</script>
  <script type="module">${module}</script><body class="a page">`;

let browser: Browser;
let gateway: Gateway;
let host: string;
const connections: Connection[] = [];
/** Given out with the next page. */
let signed: string | null = null;
const server = createPageServer();

beforeAll(async () => {
  const files = server.listeners("request");
  server.removeAllListeners("request").on("request", (request, response) => {
    if (request.url?.startsWith("/bound") === true) {
      const page = signed === null ? html : injectConnectionId(html, signed);
      response.setHeader("Content-Type", "text/html; charset=utf-8").end(page);
    } else for (const listener of files) listener.call(server, request, response);
  });
  gateway = createGateway({ anonymous: true });
  gateway.on("connection", (connection) => void connections.push(connection));
  gateway.attach(server);
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", () => resolve()));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await gateway?.close({ drainMs: 0 });
  await new Promise((resolve) => void server.close(resolve));
});

async function open(path: string) {
  const page = await browser.newPage();
  await page.goto(`http://${host}${path}`);
  await page.waitForFunction(() => "client" in window);
  return page;
}

it.each(["/bound", "/bound?stream"])(
  "P-15 P-16 the client of %s comes with the connection id that stands in the page",
  async (path) => {
    const id = newConnectionId();
    signed = signConnectionId(id, key);
    const page = await open(path);
    const said = await page.evaluate(() => (window as never as { said: unknown }).said);
    expect(said).toEqual({
      connectionId: signed,
      socket: `ws://${host}/api/ws/v1/events?connection=${encodeURIComponent(signed)}`,
    });
    const mine = () =>
      connections.find(({ request }) => verifyConnectionId(request.params.get("connection") ?? "", key) === id);
    await until("its client is connected", () => mine() !== undefined);
    expect(await page.evaluate(() => document.body.className)).toBe("a page");
    await page.close();
  },
);

it("R-24 a page without a connection id connects like any other", async () => {
  signed = null;
  const before = connections.length;
  const page = await open("/bound");
  expect(await page.evaluate(() => (window as never as { said: unknown }).said)).toEqual({
    connectionId: null,
    socket: null,
  });
  await until("its client is connected", () => connections.length > before);
  expect(connections.at(-1)?.request.params.has("connection")).toBe(false);
  await page.close();
});

it("R-24 nothing in the default bundle looks at the DOM", async () => {
  const bundleOf = async (entry: string, names: string): Promise<string> => {
    const bundle = await rollup({
      input: "entry",
      plugins: [
        {
          name: "entry",
          resolveId: (id) => (id === "entry" ? fileURLToPath(new URL("../../entry.js", import.meta.url)) : null),
          load: (id) => (id.endsWith("/entry.js") ? `export ${names} from "${entry}";` : null),
        },
        nodeResolve({ browser: true }),
      ],
    });
    const { output } = await bundle.generate({ format: "es" });
    await bundle.close();
    return output[0].code.replace(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, "");
  };
  const dom = /\b(document|getAttribute|querySelector)\b/;
  const client = await bundleOf("trunkline", "{ createClient }");
  expect(client.length).toBeGreaterThan(10_000);
  expect(client).not.toMatch(dom);
  expect(await bundleOf("trunkline", "*")).not.toMatch(dom);
  const scriptTag = new URL("../../packages/trunkline/dist/trunkline.min.js", import.meta.url);
  expect(await readFile(scriptTag, "utf8")).not.toMatch(dom);
  // It would be seen.
  expect(await bundleOf("trunkline/page", "*")).toMatch(dom);
});

it("P-15 a browser finds the id where it was put, whatever stands before the body", async () => {
  const parts = [
    ..."<|<body|<body a='|<body>|>|/|=|'|\"| |-->|<!--|<!---|--!>|<!|<?|</".split("|"),
    ...'<script>|<script|</script|</script>|<template>|</template>|<title>|</title>|<style>|</style >|<p a="|x|</body>'.split(
      "|",
    ),
  ];
  // No chance in it: the same pages every time.
  let seed = 7;
  const next = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % below;
  };
  const pages = Array.from({ length: 20_000 }, () => {
    const text = Array.from({ length: 1 + next(12) }, () => parts[next(parts.length)]).join("");
    return `<html>${text}`;
  });
  const given = pages.map((page) => [page, injectConnectionId(page, "the-id")] as const);
  const page = await browser.newPage();
  const seen = await page.evaluate((all) => {
    const idOf = (text: string): string | null =>
      new DOMParser().parseFromString(text, "text/html").body.getAttribute("data-trunkline-connection");
    // Where there is a tag that counts, an attribute on it does.
    const tags = (text: string): boolean => {
      const marked = text.replace(/<body(?=[ />])/g, "<body data-mark=1");
      return new DOMParser().parseFromString(marked, "text/html").body.hasAttribute("data-mark");
    };
    return all.map(([before, after]) => [idOf(after), tags(before)] as const);
  }, given);
  const wrong = given.filter(([before, after], index) => {
    const [id, hasTag] = seen[index] ?? [];
    return after === before ? hasTag : id !== "the-id";
  });
  expect(given.filter(([before, after]) => after !== before).length).toBeGreaterThan(1000);
  expect(wrong.slice(0, 5).map(([before]) => before)).toEqual([]);
  await page.close();
});
