import { expect, it } from "vitest";
import { streamUrl } from "./stream-url.ts";

it.each([
  ["ws://h:1/api/ws/v1/events", "http://h:1/api/v1/events"],
  ["wss://h/app/api/ws/v1/events?tenant=a", "https://h/app/api/v1/events?tenant=a"],
  ["wss://h/base/api/ws/v1/events?connection=a~b%3D", "https://h/base/api/v1/events?connection=a~b%3D"],
  ["wss://h/api/ws/v1/events#x", "https://h/api/v1/events"],
  ["ws://h/elsewhere", "http://h/elsewhere"],
])("§11.3 %s → %s", (socket, stream) => {
  expect(streamUrl(socket)).toBe(stream);
});
