// listeners.test.ts
import { createGateway, defineListener } from "@trunkline/gateway";
import { createClient, createOutbox } from "trunkline";
import { runListener } from "trunkline/listener";
import { expect, it, vi } from "vitest";

const seen: unknown[] = [];

const chat = defineListener({
  // What a page says on "echo" comes back to everybody on it.
  echo: (message, { event, reply }) => {
    if (event === "said") void reply(`you said ${String(message)}`);
  },
  // Several handlers of one channel, and a pattern: each runs, whatever becomes of the others.
  "chat.*": [
    (message, { channel }) => seen.push([channel, message]),
    () => Promise.reject(new Error("reported, and nothing else")),
  ],
});

it("is a value that can be called without a server", () => {
  const upper = defineListener({ shout: (text: string) => text.toUpperCase() });
  expect(upper.channels.get("shout")?.("x")).toBe("X");
});

it("answers what a page says, and hears every channel that its pattern means", async () => {
  const gateway = createGateway({
    listeners: chat,
    publicKeys: [{ key: "pk_page", channel: "echo", account: "default" }],
    authorizePublish: ({ channel, event }) => channel === "echo" && event === "said",
  });
  gateway.on("error", () => {});
  const { url } = await gateway.listen({ port: 0 });

  const page = createClient({ url, publicKey: "pk_page" });
  const answered = page.once("message");
  await page.ready();
  await createOutbox(page).publish("said", "hello", { channel: "echo" });
  expect((await answered)[0]).toBe("you said hello");

  await gateway.publisher().pub("hi", { channel: "chat.lobby" });
  await vi.waitFor(() => expect(seen).toEqual([["chat.lobby", "hi"]]));
  await page.close();
  await gateway.close({ drainMs: 0 });
});

it("runs in any process that has a key", async () => {
  const gateway = createGateway({
    secretKeys: [{ key: "sk_worker" }],
    authorize: ({ principal }) => principal.kind === "secret",
  });
  const { url } = await gateway.listen({ port: 0 });
  const orders: unknown[] = [];
  const listener = defineListener({ orders: (order) => orders.push(order) });

  const client = createClient({ url, apiKey: "sk_worker" });
  const running = runListener(client, listener);
  await running.ready();
  await gateway.publisher().pub({ id: 7 }, { channel: "orders" });
  await vi.waitFor(() => expect(orders).toEqual([{ id: 7 }]));

  running.stop();
  await client.close();
  await gateway.close({ drainMs: 0 });
});
