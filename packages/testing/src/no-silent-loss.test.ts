// Whatever goes wrong between a real client and a real gateway, nothing accepted is lost in silence.
import { createClient, defineContract, event } from "@trunkline/core";
import { ManualClock } from "@trunkline/core/testing";
import fc from "fast-check";
import { expect, it } from "vitest";
import { faultTransport, type LaneFaults } from "./fault-transport.ts";
import { assertNoLoss, lossLedger } from "./loss-ledger.ts";
import { createTestGateway } from "./test-gateway.ts";

const contract = defineContract({
  events: {
    "price.set": event({ delivery: "state" }),
    "price.gone": event({ delivery: "state", deletes: true }),
  },
});

const chance = fc.constantFrom(0, 0, 0.1, 0.5);
const lane = fc.record({
  drop: chance,
  duplicate: chance,
  reorder: chance,
  cut: fc.constantFrom(0, 0, 0, 0.05),
  delayMs: fc.constantFrom(0, 0, 10, 3000),
  bytesPerSecond: fc.constantFrom(Infinity, Infinity, 1000),
});

type Step =
  | { readonly kind: "publish" | "cut" | "halfOpen" | "sleep" | "wake" | "refuse" | "accept" }
  | { readonly kind: "disconnect" | "restart" | "drain" }
  | { readonly kind: "change"; readonly key: string; readonly deletes: boolean }
  | { readonly kind: "faults"; readonly faults: LaneFaults }
  | { readonly kind: "wait"; readonly ms: number };

const plain = (...kinds: Exclude<Step["kind"], "change" | "faults" | "wait">[]): fc.Arbitrary<Step> =>
  fc.constantFrom(...kinds).map((kind) => ({ kind }));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: plain("publish") },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("change" as const),
      key: fc.constantFrom("a", "b"),
      deletes: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: plain("cut", "halfOpen", "sleep", "wake", "refuse", "accept", "disconnect", "drain") },
  { weight: 1, arbitrary: plain("restart") },
  {
    weight: 2,
    arbitrary: fc.record({ toClient: lane, toGateway: lane }).map((faults) => ({ kind: "faults" as const, faults })),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom(1, 100, 5000, 40_000).map((ms) => ({ kind: "wait" as const, ms })),
  },
);

/** Lets everything that needs no time happen. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** One run: the steps, then peace, then the books. */
async function play(steps: readonly Step[], seed: number): Promise<void> {
  const clock = new ManualClock();
  const gateway = createTestGateway({ contract, clock, history: { count: 20 } });
  const transport = faultTransport(gateway.transport, { seed, clock });
  const { url, apiKey } = gateway;
  const client = createClient({ url, transport, apiKey, clock, channels: ["shop"], jitter: 0 });
  const ledger = lossLedger();
  const under: Promise<unknown>[] = [];
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 500) {
      clock.advance(Math.min(left, 500));
      await settle();
    }
  };
  const publish = async (event: string, key?: string): Promise<void> => {
    const receipt = await gateway.publish({ event, channel: "shop", ...(key !== undefined && { key }) });
    ledger.accept(receipt, key === undefined ? undefined : { key, deleted: event === "price.gone" });
  };
  const perform = (step: Step): unknown => {
    switch (step.kind) {
      case "publish":
        return publish("sold");
      case "change":
        return publish(step.deletes ? "price.gone" : "price.set", step.key);
      case "faults":
        return transport.set(step.faults);
      case "wait":
        return pass(step.ms);
      case "disconnect":
        return gateway.disconnect();
      case "restart":
      case "drain":
        return void under.push(gateway[step.kind]());
      case "wake":
        return transport.wake();
      case "cut":
      case "halfOpen":
      case "sleep":
      case "refuse":
      case "accept":
        return transport[step.kind]();
    }
  };
  client.on("error", () => {});
  try {
    await client.ready();
    ledger.follow(client);
    for (const step of steps) {
      await perform(step);
      await settle();
    }
    // All is well again, and there is one more event.
    transport.set({});
    transport.wake();
    transport.accept();
    transport.cut();
    await pass(1000);
    await publish("sold");
    for (let turn = 0; turn < 200 && ledger.findings().length > 0; turn++) await pass(1000);
    assertNoLoss(ledger);
    expect(client.status).toBe("connected");
  } finally {
    await client.close({ timeoutMs: 0 });
    await gateway.close();
    for (let turn = 0; turn < 100; turn++) await pass(100);
    await Promise.all(under);
  }
}

it("nothing is lost in silence, whatever goes wrong on the way", async () => {
  const steps = fc.array(step, { minLength: 20, maxLength: 80 });
  await fc.assert(fc.asyncProperty(steps, fc.nat(), play), { numRuns: 300 });
}, 60_000);

it("a client whose hello came too late to be heard comes back, and misses nothing", async () => {
  const slow: Step = { kind: "faults", faults: { toGateway: { bytesPerSecond: 100 } } };
  // The client learns that its second link is open when the greeting time of 10 s is almost over.
  const asleep: readonly Step[] = [{ kind: "sleep" }, { kind: "cut" }, { kind: "wait", ms: 10_500 }];
  await play([...asleep, slow, { kind: "wake" }, { kind: "wait", ms: 5000 }, { kind: "publish" }], 1);
});
