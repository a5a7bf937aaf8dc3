// Apps test with msw; their client must be interceptable, so the transport takes the global WebSocket when it opens.
import type { LinkClose } from "@trunkline/core/ports";
import { ws } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { webSocketTransport } from "./web-socket.ts";

const transport = webSocketTransport();
const gateway = ws.link("ws://gateway.test/api/ws/v1/events");
const server = setupServer();
beforeAll(() => server.listen({ onUnhandledFrame: "error" }));
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

/** Opens a link; `told` resolves to all it told once it has closed. */
function open(onOpen: (send: (text: string) => void) => void) {
  const told: unknown[] = [];
  const closed = new Promise<LinkClose>((resolve) => {
    const link = transport.open(
      { url: "ws://gateway.test/api/ws/v1/events", protocols: ["trunkline.v1"] },
      {
        onOpen: () => {
          told.push("open");
          onOpen((text) => link.send(text));
        },
        onMessage: (data) => told.push(data),
        onClose: resolve,
      },
    );
  });
  return { told, closed };
}

it("connects to an msw handler and exchanges messages with it", async () => {
  server.use(
    gateway.addEventListener("connection", ({ client }) => {
      client.addEventListener("message", ({ data }) => {
        if (typeof data === "string") client.send(`echo ${data}`);
        client.send(Uint8Array.of(1, 2));
        // msw drops what was sent in the same tick as its close.
        queueMicrotask(() => client.close(1000, "done"));
      });
    }),
  );
  const { told, closed } = open((send) => send("hello"));
  expect(await closed).toEqual({ code: 1000, reason: "done" });
  expect(told).toEqual(["open", "echo hello", Uint8Array.of(1, 2)]);
});

it("tells a close code that an msw handler chose", async () => {
  server.use(gateway.addEventListener("connection", ({ client }) => client.close(4401, "who are you?")));
  const { closed } = open(() => {});
  expect(await closed).toEqual({ code: 4401, reason: "who are you?" });
});
