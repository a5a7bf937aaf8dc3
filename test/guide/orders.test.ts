// orders.test.ts
import { createTestGateway } from "@trunkline/testing";
import { createClient } from "trunkline";
import { expect, it, vi } from "vitest";

// What you test: here, a list that follows a channel.
function followOrders(options: Parameters<typeof createClient>[0]) {
  const client = createClient({ channels: ["orders"], ...options });
  const orders: unknown[] = [];
  client.on("order.placed", (order) => orders.push(order));
  return { client, orders };
}

it("shows each order once, also those placed while the line was down", async () => {
  await using gateway = createTestGateway();
  const { url, transport, apiKey } = gateway;
  const { client, orders } = followOrders({ url, transport, apiKey, backoff: () => 10 });
  await client.ready();

  await gateway.publish({ event: "order.placed", channel: "orders", data: { id: 1 } });
  gateway.disconnect();
  await gateway.publish({ event: "order.placed", channel: "orders", data: { id: 2 } });

  await vi.waitFor(() => expect(orders).toEqual([{ id: 1 }, { id: 2 }]));
  expect(gateway.published({ to: "orders" })).toMatchObject([{ data: { id: 1 } }, { data: { id: 2 } }]);
  await client.close();
});
