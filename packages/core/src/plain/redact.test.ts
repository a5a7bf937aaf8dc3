import { expect, it } from "vitest";
import { redact } from "./redact.ts";

it.each([
  ["ws://h/p?api_key=s3cret", "ws://h/p?api_key=…"],
  ['bad URL "ws://h/?a=1&API_KEY=s3cret&b=2"', 'bad URL "ws://h/?a=1&API_KEY=…&b=2"'],
  ["nothing to hide", "nothing to hide"],
])("R-14 %s", (text, redacted) => {
  expect(redact(text)).toBe(redacted);
});
