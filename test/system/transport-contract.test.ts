import { webSocketTransport as browserTransport } from "@trunkline/transport-browser";
import { webSocketTransport as nodeTransport } from "@trunkline/transport-node";
import { transportContract } from "@trunkline/core/testing";
import IsomorphicWebSocket from "isomorphic-ws";
import { instrumentTransport } from "@trunkline/core/tracing";
import { describe, expect, it } from "vitest";
import { startContractServer } from "../support/rfc6455-contract-server.ts";
import { recordSpans } from "../support/spans.ts";

const framework = { describe, it, expect };

transportContract("transport-node", framework, {
  transport: nodeTransport(),
  pings: true,
  pauses: true,
  startServer: startContractServer,
});

transportContract("transport-node with spans", framework, {
  transport: instrumentTransport(nodeTransport(), recordSpans().provider),
  pings: true,
  pauses: true,
  startServer: startContractServer,
});

transportContract("transport-browser on the global WebSocket", framework, {
  transport: browserTransport(),
  pings: false,
  pauses: false,
  startServer: startContractServer,
});

transportContract("transport-browser on isomorphic-ws", framework, {
  transport: browserTransport({ WebSocket: IsomorphicWebSocket }),
  pings: false,
  pauses: false,
  startServer: startContractServer,
});
