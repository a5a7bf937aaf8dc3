import { memoryBroker } from "@trunkline/gateway";
import { brokerContract } from "@trunkline/gateway/testing";
import { describe, expect, it } from "vitest";
import { recordingBroker } from "./recording-broker.ts";

// What it records is shown by the test gateway's row P-44.
brokerContract("recording", { describe, it, expect }, async ({ historyCount, maxStateKeys }) =>
  recordingBroker(memoryBroker({ history: { count: historyCount }, state: { maxKeys: maxStateKeys } }), () => {}),
);
