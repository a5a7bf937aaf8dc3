import { createServer, get } from "node:https";
import type { AddressInfo } from "node:net";
import { type Connection, createGateway } from "@trunkline/gateway";
import { expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { selfSigned } from "../support/self-signed.ts";
import { until } from "../support/until.ts";

const tls = selfSigned();

/** Connects as a page of `url` would, and tells when it is `connected`. */
async function connect(url: string): Promise<void> {
  const ws = new WebSocket(`${url.replace("https", "wss")}/api/ws/v1/events`, ["trunkline.v1"], {
    ca: tls.cert,
    origin: url,
  });
  onTestFinished(() => ws.terminate());
  const frames: string[] = [];
  ws.on("message", (data: Buffer) => frames.push(data.toString()));
  await new Promise<void>((resolve, reject) => ws.once("open", resolve).once("error", reject));
  ws.send(JSON.stringify({ type: "hello", instance: "i" }));
  await until("it is connected", () => frames.some((frame) => frame.includes('"connected"')));
}

function statusOf(url: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get(url, { ca: tls.cert, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on("error", reject);
  });
}

it("listens over TLS with a key and a certificate, and says so", async () => {
  const gateway = createGateway({ anonymous: true });
  onTestFinished(() => gateway.close({ drainMs: 0 }));
  const seen: Connection[] = [];
  gateway.on("connection", (connection) => seen.push(connection));
  const { url, port } = await gateway.listen({ port: 0, tls });
  expect(url).toBe(`https://127.0.0.1:${port}`);
  expect(await statusOf(`${url}/healthz`)).toBe(200);
  await connect(url);
  expect(seen.map(({ request }) => [request.secure, request.remoteAddress])).toEqual([[true, "127.0.0.1"]]);
  await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow("fetch failed");
});

it("attaches to an https server", async () => {
  const server = createServer(tls, (_, response) => response.writeHead(418).end());
  const gateway = createGateway({ anonymous: true });
  gateway.attach(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    await gateway.close({ drainMs: 0 });
    server.close().closeAllConnections();
  });
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  expect([await statusOf(`${url}/healthz`), await statusOf(`${url}/app`)]).toEqual([200, 418]);
  await connect(url);
  expect([...gateway.connections()].map(({ request }) => request.secure)).toEqual([true]);
});

it("a key that is none is a usage error that does not repeat it", async () => {
  const gateway = createGateway({ anonymous: true });
  onTestFinished(() => gateway.close());
  const key = "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n";
  const error: unknown = await gateway.listen({ port: 0, tls: { ...tls, key } }).catch((cause: unknown) => cause);
  expect(error).toMatchObject({
    code: "usage.bad-option",
    message: expect.stringMatching(/^gateway\.listen: tls: expected a key/),
  });
  expect(String(error)).not.toContain("hunter2");
  await gateway.listen({ port: 0, tls });
});
