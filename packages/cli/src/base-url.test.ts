import { expect, it } from "vitest";
import { resolveBase } from "./base-url.ts";

it.each([
  ["http://127.0.0.1:7777", "http://127.0.0.1:7777"],
  ["http://127.0.0.1:7777/", "http://127.0.0.1:7777"],
  ["ws://app.example.com/live/", "http://app.example.com/live"],
  ["wss://app.example.com", "https://app.example.com"],
  ["app.example.com", "https://app.example.com"],
])("§2.1 takes %s for %s", (given, base) => {
  expect(resolveBase(given)).toBe(base);
});

it.each([
  "http://",
  "ftp://app.example.com",
  "http://me:hunter2@app.example.com",
  "http://app.example.com/?api_key=hunter2",
  "http://x/#hunter2",
])("refuses %s without repeating it", (given) => {
  const refused = (): string => resolveBase(given);
  expect(refused).toThrow(/--url: expected/);
  expect(refused).not.toThrow(/hunter2/);
});
