// What a hostile peer, or a careless app, can try on channels, presence and history, and what it gets.
import { expect, it } from "vitest";
import { connectPlain, connectV1 } from "../support/frame-client.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

const token = testKeys.acme;

/** JSON that engines can read, and can't write. */
function nested(depth: number): string {
  return "[".repeat(depth) + "]".repeat(depth);
}

it("§13.2 what a member says of itself that is nested too deep to be written is refused, and the link goes on", async () => {
  const { socketUrl } = await startGateway();
  const client = await connectV1(socketUrl, { token: testKeys.page });
  client.send(`{"type":"presence","ref":1,"enter":[{"channel":"news","data":${nested(20_000)}}]}`);
  expect((await client.next("presence")).refused).toEqual([
    { channel: "news", error: { code: "gateway.too-large", message: expect.stringContaining("4096 bytes") as string } },
  ]);
  client.send({ type: "presence", ref: 2, leave: ["news"] });
  expect(await client.next("presence")).toEqual({ type: "presence", ref: 2 });
});

it("§8.4 an event that is nested too deep is refused; all others can be read in every dialect, and as history", async () => {
  const { socketUrl, url } = await startGateway();
  const [v1, plain] = [await connectV1(socketUrl, { token }), await connectPlain(socketUrl, token)];
  const publish = async (depth: number): Promise<number> => {
    const body = `{"event":"deep","data":${nested(depth)}}`;
    const headers = { Authorization: `Bearer ${token}` };
    return (await fetch(`${url}/api/v1/publish`, { method: "POST", headers, body })).status;
  };
  let [least, most] = [0, 10_000];
  while (most - least > 1) {
    const depth = Math.floor((least + most) / 2);
    if ((await publish(depth)) === 202) least = depth;
    else most = depth;
  }
  expect(least).toBe(999);
  const count = v1.events.length;
  await until("all come", () => plain.plainEvents.length === v1.events.length && v1.events.length >= count);
  v1.send({ type: "history", ref: 1, channel: "account.acme" });
  const page = await v1.next("history");
  expect("events" in page && page.events.length).toBe(v1.events.length);
});
