import type { AddressInfo } from "node:net";
import { type Gateway, createGateway } from "@trunkline/gateway";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { launchChromium } from "../support/chromium.ts";
import { connectPlain } from "../support/frame-client.ts";
import { createPageServer } from "../support/page-server.ts";
import { until } from "../support/until.ts";

// The built packages in a real Chromium against a real gateway.

let browser: Browser;
let context: BrowserContext;
let gateway: Gateway;
let url: string;
const server = createPageServer();

beforeAll(async () => {
  gateway = createGateway({
    secretKeys: [{ key: "browser-secret", account: "acme" }],
    publicKeys: [{ key: "browser-public", channel: "account.acme" }],
    anonymous: true,
    authorize: ({ channel }) => channel === "my-channel",
    raw: true,
    heartbeatMs: 300,
  });
  gateway.attach(server);
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", () => resolve()));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await gateway?.close({ drainMs: 0 });
  await new Promise((resolve) => void server.close(resolve));
});
afterEach(async () => {
  await context?.close();
});

async function open(path: string): Promise<Page> {
  context = await browser.newContext();
  const page = await context.newPage();
  const failures: string[] = [];
  page.on("pageerror", (error) => failures.push(error.message));
  await page.goto(`${url}${path}`);
  await page.waitForFunction(() => "trunkline" in window);
  expect(failures).toEqual([]);
  return page;
}

/** Starts a client in the page; what it hears is collected in `window.heard`. */
async function startClient(page: Page, options: Record<string, unknown>): Promise<void> {
  await page.evaluate(async (given) => {
    const { createClient, plain } = (window as never as { trunkline: Record<string, (...args: unknown[]) => never> })
      .trunkline;
    const { dialect, ...rest } = given as { dialect?: string };
    const client = (createClient as (...args: unknown[]) => Record<string, (...args: unknown[]) => unknown>)({
      url: location.origin,
      ...rest,
      ...(dialect === "plain" ? { dialect: (plain as () => unknown)() } : {}),
    });
    const heard: unknown[] = [];
    const note = (kind: string) => (value: unknown) =>
      void heard.push([kind, value instanceof Error ? (value as { code?: string }).code : value]);
    for (const name of ["*", "status", "error", "gap", "resumed"]) client["on"]?.(name, note(name));
    Object.assign(window, { client, heard });
    await (client["ready"]?.({ timeoutMs: 10_000 }) as Promise<void> | undefined)?.catch(() => undefined);
  }, options);
}

const heard = (page: Page, kind: string): Promise<unknown[]> =>
  page.evaluate(
    (wanted) =>
      (window as never as { heard: [string, unknown][] }).heard
        .filter(([name]) => name === wanted)
        .map(([, value]) => value),
    kind,
  );

const publish = (n: number) => gateway.publish({ event: "tick", data: { n } }, { account: "acme" });

describe.each(["/esm.html", "/script-tag.html"])("the client on %s", (path) => {
  it("connects with a public key and receives events in order", async () => {
    const page = await open(path);
    await startClient(page, { publicKey: "browser-public" });
    for (let n = 1; n <= 20; n++) await publish(n);
    await until("20 events came", async () => (await heard(page, "*")).length >= 20);
    expect(await heard(page, "*")).toEqual(Array.from({ length: 20 }, (_, index) => ({ n: index + 1 })));
    expect(await heard(page, "status")).toContain("connected");
  });

  it("W-16 reports a wrong key once and does not try again", async () => {
    const page = await open(path);
    const sockets: string[] = [];
    page.on("websocket", (socket) => sockets.push(socket.url()));
    await startClient(page, { publicKey: "wrong-key" });
    await until("the error came", async () => (await heard(page, "error")).length > 0);
    expect(await heard(page, "error")).toEqual(["gateway.unauthorized"]);
    expect(await page.evaluate(() => (window as never as { client: { status: string } }).client.status)).toBe(
      "disconnected",
    );
    expect(sockets).toHaveLength(1);
    expect(sockets[0]).not.toContain("wrong-key");
  });

  it("refuses a secret key that comes from a page (PROTOCOL §2.5)", async () => {
    const page = await open(path);
    await startClient(page, { apiKey: "browser-secret" });
    await until("the error came", async () => (await heard(page, "error")).length > 0);
    expect(await heard(page, "error")).toEqual(["gateway.forbidden"]);
  });
});

describe("a page that goes offline", () => {
  it("notices, comes back by itself and misses nothing", async () => {
    const page = await open("/esm.html");
    await startClient(page, { publicKey: "browser-public", heartbeatGraceMs: 300, backoff: undefined });
    await publish(1);
    await until("the first event came", async () => (await heard(page, "*")).length === 1);
    await context.setOffline(true);
    await until("the loss was noticed", async () => (await heard(page, "status")).includes("reconnecting"));
    for (let n = 2; n <= 11; n++) await publish(n);
    await context.setOffline(false);
    await until("all events came", async () => (await heard(page, "*")).length >= 11);
    expect(await heard(page, "*")).toEqual(Array.from({ length: 11 }, (_, index) => ({ n: index + 1 })));
    expect(await heard(page, "gap")).toEqual([]);
    expect(await heard(page, "resumed")).toHaveLength(1);
  });
});

describe("the plain dialect in a page", () => {
  it("gives listeners the whole object (W-04)", async () => {
    const page = await open("/esm.html");
    await startClient(page, { publicKey: "browser-public", dialect: "plain" });
    await publish(7);
    await until("the event came", async () => (await heard(page, "*")).length === 1);
    expect(await heard(page, "*")).toEqual([{ event: "tick", n: 7 }]);
  });

  it("serves a bare new WebSocket()", async () => {
    const page = await open("/esm.html");
    const frames = page.evaluate(
      () =>
        new Promise<string[]>((resolve) => {
          const all: string[] = [];
          const socket = new WebSocket(
            `${location.origin.replace("http", "ws")}/api/ws/v1/events?api_key=browser-public`,
          );
          socket.addEventListener("message", ({ data }) => {
            if (data === "ping") socket.send("pong");
            else all.push(data as string);
            if (all.length === 2) resolve(all);
          });
        }),
    );
    await until("the socket is there", () => gateway.stats().connections === 1);
    await publish(8);
    expect(await frames).toEqual(['{"type":"connected"}', '{"event":"tick","n":8}']);
  });
});

describe("the raw door in a page", () => {
  it("D-10 new WebSocket(…/my-channel) gets 'new model!', is heard, and outlives its pings", async () => {
    const page = await open("/esm.html");
    const said: unknown[] = [];
    const undo = gateway.on("incoming", ({ data }) => said.push(data));
    await page.evaluate(
      () =>
        new Promise<void>((resolve) => {
          const texts: unknown[] = [];
          const socket = new WebSocket(`${location.origin.replace("http", "ws")}/my-channel`);
          Object.assign(window, { texts, socket });
          socket.addEventListener("message", ({ data }) => texts.push(data));
          socket.addEventListener("open", () => resolve());
        }),
    );
    const texts = (): Promise<unknown> => page.evaluate(() => (window as never as { texts: unknown[] }).texts);
    await gateway.publish({ event: "model.created", data: "new model!", channel: "my-channel" });
    await until("it came", async () => ((await texts()) as unknown[]).length === 1);
    await page.evaluate(() => (window as never as { socket: WebSocket }).socket.send("do_something"));
    await until("it is heard", () => said.length === 1);
    undo();
    // Without the pongs of WebSocket it would be gone by then.
    const other = await connectPlain(`${url.replace("http", "ws")}/api/ws/v1/events`, "browser-public");
    await until("four heartbeats have passed", () => other.frames.filter((text) => text === "ping").length >= 4);
    await gateway.publish({ event: "model.created", data: "ping", channel: "my-channel" });
    await until("the next came", async () => ((await texts()) as unknown[]).length === 2);
    expect(await texts()).toEqual(["new model!", "ping"]);
    expect(said).toEqual(["do_something"]);
  });
});
