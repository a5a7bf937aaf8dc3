import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { createStats, metricsPage } from "../metrics.ts";
import { type Readiness, createHealth } from "./health.ts";

let close: (() => Promise<void>) | undefined;
afterEach(async () => close?.());

async function serve(readiness: () => Readiness, metrics = metricsPage(createStats())): Promise<string> {
  const health = createHealth({ readiness, metrics });
  const server = createServer((request, response) => {
    if (!health(request.url ?? "", request, response)) response.writeHead(418).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  close = () => new Promise((resolve) => server.close(() => resolve()));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("health", () => {
  it("/healthz answers as long as the process does, draining or not", async () => {
    const base = await serve(() => ({ ready: false, reason: "draining" }));
    const response = await fetch(`${base}/healthz`);
    expect([response.status, await response.json()]).toEqual([200, { status: "alive" }]);
  });

  it("/readyz is 200 while accepting and 503 with the reason while draining or without its broker", async () => {
    let now: Readiness = { ready: true };
    const base = await serve(() => now);
    const ask = async () => {
      const response = await fetch(`${base}/readyz`);
      return [response.status, await response.json()];
    };
    expect(await ask()).toEqual([200, { status: "ready" }]);
    now = { ready: false, reason: "draining" };
    expect(await ask()).toEqual([503, { status: "not ready", reason: "draining" }]);
    now = { ready: false, reason: "broker-unavailable" };
    expect(await ask()).toEqual([503, { status: "not ready", reason: "broker-unavailable" }]);
  });

  it("/metrics is Prometheus text", async () => {
    const base = await serve(() => ({ ready: true }));
    const response = await fetch(`${base}/metrics`);
    expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=/);
    expect(await response.text()).toContain("# TYPE trunkline_connections gauge");
  });

  it("metrics that can't be collected are a 500, not a hanging scrape", async () => {
    const base = await serve(
      () => ({ ready: true }),
      () => Promise.reject(new Error("secret detail")),
    );
    const response = await fetch(`${base}/metrics`);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("secret detail");
  });

  it("takes GET and HEAD alone, and leaves other paths alone", async () => {
    const base = await serve(() => ({ ready: true }));
    const post = await fetch(`${base}/readyz`, { method: "POST", body: "x" });
    expect([post.status, post.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
    const head = await fetch(`${base}/healthz`, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    expect((await fetch(`${base}/health`)).status).toBe(418);
    expect((await fetch(`${base}/healthz/x`)).status).toBe(418);
  });
});
