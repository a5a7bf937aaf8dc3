// What a publisher promises over HTTP, whatever the network and the broker do: an accepted event is there once, a refused one is not.
import { systemClock } from "@trunkline/core/clock";
import { GatewayError } from "@trunkline/core/errors";
import type { Append, Broker, Clock, StreamName } from "@trunkline/core/ports";
import { type PublishFetch, createPublisher } from "@trunkline/publisher";
import fc from "fast-check";
import { expect, it, onTestFinished } from "vitest";
import { oldBroker } from "../support/old-broker.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";

/** Of one request: it is not sent, its answer is lost, the gateway is draining, or it says nothing good and is repeated. */
type NetworkFault = "none" | "refused" | "lost" | "draining" | "proxy";
/** Of one append: nothing is stored, or it is and nobody is told, or nobody knows. */
type BrokerFault = "none" | "unavailable" | "stored" | "not-stored";

const networkFaults = fc.constantFrom<NetworkFault>("none", "none", "refused", "lost", "draining", "proxy");
const brokerFaults = fc.constantFrom<BrokerFault>("none", "none", "none", "unavailable", "stored", "not-stored");

/** Waits pass fifty times as fast. */
const hasty: Clock = { ...systemClock, setTimer: (run, delayMs) => systemClock.setTimer(run, delayMs / 50) };

it("§8.6 under faults of network and broker each accepted event is there once, in order, and no refused one", async () => {
  const store = oldBroker();
  let brokerPlan: BrokerFault[] = [];
  const broker: Broker = {
    name: "faulty",
    open: (listener) => store.open(listener),
    broadcast: (stream, body) => store.broadcast(stream, body),
    read: (stream, from, limit) => store.read(stream, from, limit),
    heads: (streams) => store.heads(streams),
    close: async () => {},
    append: async (stream: StreamName, append: Append) => {
      const fault = brokerPlan.shift() ?? "none";
      if (fault === "unavailable") throw new GatewayError("gateway.unavailable", "away");
      if (fault === "not-stored") throw new GatewayError("gateway.outcome-unknown", "lost");
      const appended = await store.append(stream, append);
      if (fault === "stored") throw new GatewayError("gateway.outcome-unknown", "lost");
      return appended;
    },
  };
  const { url } = await startGateway({ broker });
  let networkPlan: NetworkFault[] = [];
  const answer = (status: number, text: string) => ({ status, headers: { get: () => null }, text: async () => text });
  const fetch: PublishFetch = async (to, request) => {
    const fault = networkPlan.shift() ?? "none";
    if (fault === "refused") throw Object.assign(new TypeError("failed"), { cause: { code: "ECONNREFUSED" } });
    if (fault === "draining") return answer(503, '{"error":{"code":"gateway.unavailable","message":"draining"}}');
    const response = await globalThis.fetch(to, request);
    if (fault === "lost") throw Object.assign(new TypeError("failed"), { cause: { code: "ECONNRESET" } });
    return fault === "proxy" ? answer(502, "<html>") : response;
  };
  const publisher = createPublisher({
    url,
    key: testKeys.acme,
    fetch,
    clock: hasty,
    timeoutMs: 1_000_000,
    attemptTimeoutMs: 20_000,
  });
  onTestFinished(() => publisher.close());

  let runs = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom("x", "y", "pause"), { minLength: 1, maxLength: 12 }),
      fc.array(networkFaults, { maxLength: 6 }),
      fc.array(brokerFaults, { maxLength: 12 }),
      fc.constantFrom("network", "broker", "both"),
      async (calls, network, appends, faults) => {
        const run = ++runs;
        networkPlan = faults === "broker" ? [] : [...network];
        brokerPlan = faults === "network" ? [] : [...appends];
        const sent: { readonly channel: string; readonly data: number; readonly result: Promise<unknown> }[] = [];
        for (const [data, call] of calls.entries()) {
          if (call === "pause") {
            await new Promise(setImmediate);
            continue;
          }
          const channel = `${call}${run}`;
          const result = publisher.publish({ event: "e", channel, data }).then(
            ({ offset }) => offset,
            (error: { readonly code: string }) => error.code,
          );
          sent.push({ channel, data, result });
        }
        const results = await Promise.all(sent.map(async (each) => ({ ...each, result: await each.result })));
        for (const channel of [`x${run}`, `y${run}`]) {
          const { log } = await store.read(`acme/${channel}` as StreamName, { offset: 0 }, 100);
          const stored = log.entries.map(({ body }) => (JSON.parse(body) as { readonly data: number }).data);
          expect(new Set(stored).size).toBe(stored.length);
          // Where an answer is lost that told of an overtaken one, nobody knows that it was overtaken.
          if (faults !== "both") expect(stored).toEqual([...stored].sort((a, b) => a - b));
          for (const { data, result } of results.filter((each) => each.channel === channel)) {
            if (typeof result === "number") expect(stored[result - 1]).toBe(data);
            else if (result === "gateway.unavailable") expect(stored).not.toContain(data);
            else expect(result).toBe("gateway.outcome-unknown");
          }
        }
      },
    ),
    { numRuns: 60 },
  );
});
