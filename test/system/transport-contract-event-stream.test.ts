import { transportContract } from "@trunkline/core/testing";
import { eventStreamTransport as browserTransport } from "@trunkline/transport-browser";
import { eventStreamTransport as nodeTransport } from "@trunkline/transport-node";
import { describe, expect, it } from "vitest";
import { startEventStreamContractServer } from "../support/event-stream-contract-server.ts";

for (const [name, transport] of [
  ["transport-node over an event stream", nodeTransport()],
  ["transport-browser over an event stream", browserTransport()],
] as const) {
  transportContract(
    name,
    { describe, it, expect },
    {
      transport,
      pings: false,
      pauses: true,
      protocols: ["trunkline.v1"],
      binary: false,
      tellsClose: false,
      startServer: startEventStreamContractServer,
    },
  );
}
