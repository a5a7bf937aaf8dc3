import { expect, it } from "vitest";
import { redactUrl } from "./redact-url.ts";

it("leaves out user, password, query and fragment", () => {
  for (const [url, redacted] of [
    ["wss://user:pass@host:1/path?api_key=K#f", "wss://host:1/path"],
    ["ws://host/a@b", "ws://host/a@b"],
    ["ws://host?x=//y@z", "ws://host"],
    ["ws://host/#a\nb", "ws://host/"],
    ["no url ?key", "no url "],
  ] as const) {
    expect(redactUrl(url)).toBe(redacted);
  }
});
