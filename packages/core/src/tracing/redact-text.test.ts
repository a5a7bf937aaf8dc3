import { expect, it } from "vitest";
import { redactText } from "./redact-text.ts";

it.each([
  ["dial ws://host/api?api_key=s3cret&lang=en failed", "dial ws://host/api?api_key=REDACTED&lang=en failed"],
  ['got 500 from "/api/v1/events?token=s3cret"', 'got 500 from "/api/v1/events?token=REDACTED"'],
  ["no answer from redis://user:s3cret@host:6379/0", "no answer from redis://host:6379/0"],
  ["no answer from redis://:s3cret@host", "no answer from redis://host"],
  ["Authorization: Bearer s3cret", "Authorization: Bearer REDACTED"],
  ["got Authorization: Basic czNjcmV0", "got Authorization: Basic REDACTED"],
  [
    "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzM2NyZXQifQ.c2lnbmF0dXJl has expired; eyJs are no tokens",
    "token REDACTED has expired; eyJs are no tokens",
  ],
  [
    "Is it there? See https://host/path?page=2 (or mail me@host)",
    "Is it there? See https://host/path?page=2 (or mail me@host)",
  ],
])("R-14 %s", (text, redacted) => {
  expect(redactText(text)).toBe(redacted);
});
