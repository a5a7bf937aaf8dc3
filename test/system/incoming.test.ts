// what clients say that the gateway has no word for. PROTOCOL §3.8, §10.3.
import type { Incoming } from "@trunkline/gateway";
import { expect, it } from "vitest";
import { connectPlain, connectV1 } from "../support/frame-client.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

const token = testKeys.acme;

it("R-22 §10.3 a plain request with no handler is answered 404 by its id, other text an error; the app hears both", async () => {
  const { gateway, socketUrl } = await startGateway();
  const heard: Incoming[] = [];
  gateway.on("incoming", (message) => heard.push(message));
  const client = await connectPlain(socketUrl, token);
  const texts = ['{"id":"a1","action":"ping","extra":[1]}', "do_something", '{"action":"ping"}', "pong"];
  for (const text of texts) client.send(text);
  await until("all but pong is answered", () => client.frames.length === 4);
  expect(client.frames.slice(1).map((frame) => JSON.parse(frame) as unknown)).toEqual([
    { id: "a1", status: 404, error: { code: "gateway.unknown-method", message: expect.any(String) as string } },
    { type: "error", message: expect.stringContaining("id and action") as string },
    { type: "error", message: expect.any(String) as string },
  ]);
  expect(heard.map(({ data }) => data)).toEqual(texts.slice(0, 3));
  expect(heard[0]?.connection).toMatchObject({ dialect: "plain", principal: { account: "acme" } });
  expect(client.ended).toBeNull();
});

it("R-22 §3.8 a call with no handler is answered by its ref; the app hears it, and the link goes on", async () => {
  const { gateway, socketUrl } = await startGateway();
  const heard: unknown[] = [];
  gateway.on("incoming", ({ data }) => heard.push(data));
  const client = await connectV1(socketUrl, { token });
  const call = { type: "call", ref: 5, method: "post.create", data: { title: "x" } };
  client.send(call);
  client.send({ type: "call" });
  client.send({ type: "wave" });
  const reply = await client.next("reply");
  expect(reply).toEqual({
    type: "reply",
    ref: 5,
    status: 404,
    error: { code: "gateway.unknown-method", message: expect.any(String) as string },
  });
  expect((await client.next("error")).code).toBe("peer.bad-frame");
  expect((await client.next("error")).code).toBe("gateway.unsupported");
  expect(heard).toEqual([call]);
});

it("R-22 with nobody listening the answers are the same", async () => {
  const { socketUrl } = await startGateway();
  const [plain, v1] = [await connectPlain(socketUrl, token), await connectV1(socketUrl, { token })];
  plain.send('{"id":1,"action":"x"}');
  v1.send({ type: "call", ref: 1 });
  await until("both are answered", () => plain.frames.length === 2 && v1.all("reply").length === 1);
  expect(plain.frames[1]).toContain('{"id":1,"status":404');
});
