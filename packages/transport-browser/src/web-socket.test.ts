import type { LinkClose } from "@trunkline/core/ports";
import { afterEach, expect, it, vi } from "vitest";
import { type WebSocketConstructor, webSocketTransport } from "./web-socket.ts";

afterEach(() => vi.unstubAllGlobals());

/** How a link ends that never opens. */
function failedLink(url: string, WebSocket?: WebSocketConstructor): Promise<LinkClose> {
  return new Promise((resolve, reject) => {
    let returned = false;
    const link = webSocketTransport(WebSocket === undefined ? {} : { WebSocket }).open(
      { url, protocols: [] },
      {
        onOpen: () => reject(new Error("opened")),
        onMessage: () => reject(new Error("message")),
        onClose: (close) => (returned ? resolve(close) : reject(new Error("told too early"))),
      },
    );
    returned = true;
    link.send("nowhere");
    link.close(1001, "");
    expect(link.bufferedAmount).toBe(0);
  });
}

it("says what to do where there is no WebSocket", async () => {
  vi.stubGlobal("WebSocket", undefined);
  const close = await failedLink("ws://127.0.0.1:1/");
  expect(close).toMatchObject({ code: 1006, reason: "", cause: { name: "LinkError", code: "link.lost" } });
  expect((close.cause as Error).message).toContain("no global WebSocket: pass one to webSocketTransport");
});

it("tells what a constructor throws as a close, without the key it may repeat", async () => {
  const close = await failedLink("ftp//nonsense?api_key=SECRET");
  expect(close).toMatchObject({ code: 1006, reason: "", cause: { name: "LinkError", code: "link.lost" } });
  const { cause } = close;
  expect((cause as Error).message).toContain("bad WebSocket URL");
  expect(`${(cause as Error).stack} ${String((cause as Error).cause)}`).not.toContain("SECRET");
});

it("tells a failed link that is terminated its close once, before terminate returns", async () => {
  const closes: LinkClose[] = [];
  const link = webSocketTransport().open(
    { url: "not a url", protocols: [] },
    { onOpen: () => {}, onMessage: () => {}, onClose: (close) => closes.push(close) },
  );
  link.terminate();
  expect(closes).toEqual([{ code: 1006, reason: "" }]);
  await Promise.resolve().then(() => {});
  expect(closes.length).toBe(1);
});

it("looks the global WebSocket up for each link", async () => {
  const asked: string[] = [];
  const transport = webSocketTransport();
  vi.stubGlobal(
    "WebSocket",
    class {
      constructor(url: string) {
        asked.push(url);
        throw new Error("enough seen");
      }
    },
  );
  await new Promise<void>((resolve) =>
    transport.open(
      { url: "ws://late/", protocols: [] },
      { onOpen: () => {}, onMessage: () => {}, onClose: () => resolve() },
    ),
  );
  expect(asked).toEqual(["ws://late/"]);
});
