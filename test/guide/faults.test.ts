// faults.test.ts
import { assertNoLoss, createTestGateway, faultTransport, lossLedger, ManualClock } from "@trunkline/testing";
import { createClient } from "trunkline";
import { expect, it, onTestFinished, vi } from "vitest";

function start() {
  const gateway = createTestGateway();
  const clock = new ManualClock();
  const transport = faultTransport(gateway.transport, { clock, seed: 42 });
  const client = createClient({ url: gateway.url, apiKey: gateway.apiKey, transport, clock });
  onTestFinished(async () => {
    await client.close({ timeoutMs: 0 });
    await gateway.close();
  });
  return { gateway, clock, transport, client };
}

it("notices a line that went dead, without waiting for it", async () => {
  const { clock, transport, client } = start();
  await client.ready();
  transport.halfOpen();
  clock.advance(60_000); // a heartbeat and its grace, twice
  expect(client.status).toBe("reconnecting");
  await vi.waitFor(() => {
    clock.advance(1000);
    expect(client.status).toBe("connected");
  });
});

it("loses nothing in silence on a bad line", async () => {
  const { gateway, clock, transport, client } = start();
  await client.ready();
  const ledger = lossLedger();
  ledger.follow(client);
  transport.set({ toClient: { drop: 0.1, duplicate: 0.1, reorder: 0.1, cut: 0.02, delayMs: [5, 50] } });
  for (let id = 0; id < 200; id++) {
    ledger.accept(await gateway.publish({ event: "order.placed", data: { id } }));
    clock.advance(20);
  }
  transport.set({});
  transport.cut();
  await vi.waitFor(() => {
    clock.advance(1000);
    assertNoLoss(ledger);
  });
});
