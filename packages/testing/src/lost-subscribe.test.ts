// A client that repairs a hole must not wait for ever for an answer that was lost.
import { createClient } from "@trunkline/core";
import { expect, it } from "vitest";
import { createTestGateway, faultTransport, ManualClock } from "./index.ts";

/** Lets everything that needs no time happen. */
async function settle(): Promise<void> {
  for (let round = 0; round < 12; round++) await new Promise((resolve) => void setImmediate(resolve));
}

it("§5.5 asks again when the answer to its subscribe never comes", async () => {
  const clock = new ManualClock();
  const gateway = createTestGateway({ clock });
  const transport = faultTransport(gateway.transport, { clock });
  const client = createClient({ url: gateway.url, apiKey: gateway.apiKey, transport, clock });
  const heard: unknown[] = [];
  client.on("*", (data) => heard.push(data));
  await client.ready();
  // The first event is lost, so the second makes a hole; the subscribe that would repair it is lost too.
  transport.set({ toClient: { drop: 1 } });
  await gateway.publish({ event: "happened", data: 1 });
  await settle();
  transport.set({ toGateway: { drop: 1 } });
  await gateway.publish({ event: "happened", data: 2 });
  await settle();
  transport.set({});
  // Ten minutes of heartbeats that name the head.
  for (let round = 0; round < 240; round++) {
    clock.advance(2_500);
    await settle();
  }
  const { status, streams } = client.health();
  await Promise.all([client.close({ timeoutMs: 0 }), gateway.close()]);
  expect({ status, state: streams[0]?.state, heard }).toEqual({ status: "connected", state: "live", heard: [1, 2] });
});

it("§5.5 asks an authorizer that takes its time only once, however often the client asks again", async () => {
  const clock = new ManualClock();
  let asked = 0;
  let allow: (answer: boolean) => void = () => {};
  const gateway = createTestGateway({
    clock,
    authorize: () => {
      asked += 1;
      return new Promise<boolean>((resolve) => (allow = resolve));
    },
  });
  const client = createClient({ url: gateway.url, apiKey: gateway.apiKey, transport: gateway.transport, clock });
  const heard: unknown[] = [];
  client.on("*", (data) => heard.push(data));
  await client.ready();
  const granted = client.subscribe("room");
  await settle();
  // Five minutes of heartbeats.
  for (let round = 0; round < 120; round++) {
    clock.advance(2_500);
    await settle();
  }
  expect(client.health().streams.find(({ channel }) => channel === "room")?.state).toBe("pending");
  allow(true);
  expect(await granted).toMatchObject({ channel: "room", verdict: "fresh" });
  await gateway.publish({ event: "happened", channel: "room", data: 1 });
  await settle();
  await Promise.all([client.close({ timeoutMs: 0 }), gateway.close()]);
  expect({ asked, heard }).toEqual({ asked: 1, heard: [1] });
});
