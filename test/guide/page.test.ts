// page.test.ts
import { createTestGateway } from "@trunkline/testing";
import { trunklineHandlers } from "@trunkline/testing/msw";
import { webSocketTransport } from "@trunkline/transport-browser";
import { createClient } from "trunkline";
import { setupServer } from "msw/node";
import { afterAll, beforeAll, expect, it } from "vitest";

const gateway = createTestGateway({ publicKeys: [{ key: "pk_news", channel: "news" }] });
const server = setupServer(...trunklineHandlers("https://app.example.com", gateway));
beforeAll(() => server.listen());
afterAll(async () => {
  server.close();
  await gateway.close();
});

it("gets the news", async () => {
  const client = createClient({
    url: "https://app.example.com",
    publicKey: "pk_news",
    transport: webSocketTransport(), // in a bundle for browsers this is the default
  });
  const news = client.once("headline");
  await client.ready();
  await gateway.publish({ event: "headline", channel: "news", data: "It works" });
  expect((await news)[0]).toBe("It works");
  await client.close();
});
