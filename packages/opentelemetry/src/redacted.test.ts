import { expect, it } from "vitest";
import { redacted } from "./redacted.ts";

it("shows no key, token or password of a URL or header", () => {
  const secret = "s3cret-value";
  const texts = [
    `connect ws://host/api/ws/v1/events?api_key=${secret} failed`,
    `wss://host/?a=1&token=${secret}&b=2#x`,
    `https://host/?access_token=${secret}`,
    `redis://user:${secret}@host:6379/0`,
    `redis://:${secret}@host`,
    `Authorization: Bearer ${secret}`,
  ];
  for (const text of texts) {
    expect(redacted(text)).not.toContain(secret);
    expect(redacted(text)).toContain("…");
  }
  expect(redacted(texts[1] as string)).toBe("wss://host/?a=1&token=…&b=2#x");
});

it("leaves everything else", () => {
  const text = "channel posts: expected at most 512 bytes, see https://host/path?page=2 (mail@example.com)";
  expect(redacted(text)).toBe(text);
});
