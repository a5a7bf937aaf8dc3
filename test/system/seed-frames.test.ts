// The frames of the systems that Trunkline takes the place of, as they were on the wire, and what they carried as it is now.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createEngine } from "@trunkline/core/engine";
import { plain } from "@trunkline/core/plain";
import { webSocketTransport } from "@trunkline/transport-node";
import { type Client, type TrunklineError, createClient } from "trunkline";
import { expect, it, onTestFinished } from "vitest";
import { WebSocketServer } from "ws";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

const post = {
  id: "0123456789abcdef0123456789abcdef",
  name: "post.created",
  occured_at: "2014-02-11T10:00:00Z",
  record: { id: 7, title: "Hello" },
  record_type: "Post",
  routing_key: "organization.1234.post.created",
};
const reply = { id: post.id, status: 200, headers: {}, body: "pong" };
const configChanged = { event: "config_changed", id: "theme", status: 200, channel: "news", payload: [1] };

/** Sent verbatim to whoever connects; `heard` is the event that listeners get, `reported` the code of an error. */
const corpus: readonly { readonly text: string; readonly heard?: object; readonly reported?: string }[] = [
  { text: '{"type":"connected"}' },
  { text: JSON.stringify(configChanged), heard: configChanged },
  { text: "ping" },
  { text: '{"type": "error", "message": "slow down"}', reported: "gateway.unauthorized" },
  // S3 with its events under `name`, S5's pushes, replies and greeting: no `event`, so nothing of ours (PROTOCOL §10.4).
  { text: JSON.stringify(post) },
  { text: '{"payload":{"foo":"bar"},"channel":"chan1"}' },
  { text: JSON.stringify(reply) },
  { text: '{"channel":"system","message":{"version":"1"}}' },
  // S3 with the name where it belongs: its `id` makes no reply of it.
  { text: JSON.stringify({ event: post.name, ...post }), heard: { event: post.name, ...post } },
  // S4's messages are text as it is.
  { text: "new model!", reported: "peer.bad-frame" },
  { text: '{"event":"last"}', heard: { event: "last" } },
];

/** A server of one of the old kinds: says the whole corpus to each connection, and keeps what it is told. */
async function corpusServer(): Promise<{ readonly url: string; readonly told: string[] }> {
  const told: string[] = [];
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  server.on("connection", (socket) => {
    socket.on("message", (data) => told.push((data as Buffer).toString()));
    for (const { text } of corpus) socket.send(text);
  });
  onTestFinished(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, told };
}

/** All that listeners get, in order, each with the name it was heard under. */
function listenTo(client: Client): { readonly heard: unknown[][]; readonly errors: TrunklineError[] } {
  onTestFinished(() => client.close());
  const heard: unknown[][] = [];
  const errors: TrunklineError[] = [];
  client.on("*", (data, { event }) => heard.push([event, data]));
  client.on("error", (error) => errors.push(error));
  return { heard, errors };
}

it("R-05 each seed's literal frame reaches the listener of its name, or is ignored or reported, and the link stays", async () => {
  const { url, told } = await corpusServer();
  const client = createClient({ url, apiKey: "k", dialect: plain() });
  const { heard, errors } = listenTo(client);
  const own: unknown[] = [];
  client.on("post.created", (data) => own.push(data));
  await until("the last came", () => heard.at(-1)?.[0] === "last");
  const events = corpus.flatMap(({ heard: event }) => (event === undefined ? [] : [event as { event: string }]));
  expect(heard).toEqual(events.map((event) => [event.event, event]));
  expect(own).toEqual([{ event: post.name, ...post }]);
  const reported = corpus.flatMap(({ reported: code }) => (code === undefined ? [] : [code]));
  expect(errors.map(({ code }) => code)).toEqual(reported);
  expect(client.status).toBe("connected");
  await until("the ping is answered", () => told.length > 0);
  expect(told).toEqual(["pong"]);
});

it("R-05 an engine is handed every seed's frame as it is, in order", async () => {
  const { url, told } = await corpusServer();
  const got: unknown[] = [];
  const hooks = { onMessage: ({ data }: { readonly data: unknown }) => void got.push(data) };
  const engine = createEngine({ url, transport: webSocketTransport(), hooks, options: { messageConcurrency: 1 } });
  onTestFinished(() => engine[Symbol.asyncDispose]());
  await engine.start();
  await until("all came", () => got.length === corpus.length);
  expect(got).toEqual(corpus.map(({ text }) => text));
  expect(told).toEqual([]);
});

it("R-05 what the seeds sent is data on both dialects: under its name, whole, and no answer, greeting or ping", async () => {
  const { gateway, url } = await startGateway();
  const enveloped = createClient({ url, apiKey: testKeys.acme });
  const spread = createClient({ url, apiKey: testKeys.acme, dialect: plain() });
  const [v1, old] = [listenTo(enveloped), listenTo(spread)];
  await Promise.all([enveloped.ready(), spread.ready()]);
  const { event: _event, ...config } = configChanged;
  const frames = { type: "connected", streams: [], code: "gateway.unauthorized", fatal: true };
  const sent: readonly (readonly [event: string, data: unknown])[] = [
    ["config_changed", config],
    ["post.created", post],
    ["message", "new model!"],
    ["message", "ping"],
    ["message", { payload: { foo: "bar" }, channel: "chan1" }],
    ["message", reply],
    ["message", frames],
    ["message", [reply]],
  ];
  for (const [event, data] of sent) await gateway.publish({ event, data }, { account: "acme" });
  await until("all came", () => v1.heard.length === sent.length && old.heard.length === sent.length);
  expect(v1.heard).toEqual(sent);
  expect(old.heard).toEqual(
    sent.map(([event, data]) => {
      if (typeof data !== "object" || Array.isArray(data)) return [event, { event, data }];
      const { type: _type, ...fields } = data as Record<string, unknown>;
      return [event, { event, ...fields }];
    }),
  );
  expect([...v1.errors, ...old.errors]).toEqual([]);
  expect([enveloped.status, spread.status]).toEqual(["connected", "connected"]);
});
