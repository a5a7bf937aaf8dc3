import { expect, it } from "vitest";
import { socketUrl } from "./socket-url.ts";

it.each([
  ["https://app.example.com", "wss://app.example.com/api/ws/v1/events"],
  ["http://127.0.0.1:7777", "ws://127.0.0.1:7777/api/ws/v1/events"],
  ["app.example.com", "wss://app.example.com/api/ws/v1/events"],
  ["https://app.example.com/", "wss://app.example.com/api/ws/v1/events"],
  ["https://app.example.com/base//", "wss://app.example.com/base//api/ws/v1/events"],
  ["HTTPS://app.example.com", "wss://app.example.com/api/ws/v1/events"],
  ["ws://localhost:1", "ws://localhost:1/api/ws/v1/events"],
  ["wss://localhost:1/", "wss://localhost:1/api/ws/v1/events"],
  ["httpbin.example", "wss://httpbin.example/api/ws/v1/events"],
  ["localhost:7777", "wss://localhost:7777/api/ws/v1/events"],
  ["https://h/base?connection=X", "wss://h/base/api/ws/v1/events?connection=X"],
  ["https://h/base/?connection=a%3D/&b=?/", "wss://h/base/api/ws/v1/events?connection=a%3D/&b=?/"],
  ["http://h:1?", "ws://h:1/api/ws/v1/events?"],
  ["h?a=b", "wss://h/api/ws/v1/events?a=b"],
])("§2.1 W-02 %s becomes %s", (base, url) => {
  expect(new URL(socketUrl(base)).href).toBe(new URL(url).href);
});
