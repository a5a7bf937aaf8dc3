// Rows G-49 and R-21: a broker with spans is still a broker.
import { memoryBroker } from "@trunkline/gateway";
import { brokerContract } from "@trunkline/gateway/testing";
import { instrumentBroker } from "@trunkline/opentelemetry";
import { describe, expect, it } from "vitest";
import { recordTelemetry } from "../support/telemetry.ts";

brokerContract("memory with spans", { describe, it, expect }, async ({ historyCount, maxStateKeys }) =>
  instrumentBroker(
    memoryBroker({ history: { count: historyCount }, state: { maxKeys: maxStateKeys } }),
    recordTelemetry(),
  ),
);

brokerContract("memory without a provider", { describe, it, expect }, async ({ historyCount, maxStateKeys }) =>
  instrumentBroker(memoryBroker({ history: { count: historyCount }, state: { maxKeys: maxStateKeys } })),
);
