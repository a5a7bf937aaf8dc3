import { expect, it } from "vitest";
import { redactUrl } from "./redact-url.ts";

it.each([
  ["wss://host/feed", "wss://host/feed"],
  ["wss://host/feed?", "wss://host/feed?"],
  ["ws://h/p?api_key=s3cret&lang=en", "ws://h/p?api_key=REDACTED&lang=en"],
  ["ws://h/p?id=s3cret", "ws://h/p?id=REDACTED"],
  ["ws://h/p?connection_id=s3cret&connectionId=s3cret", "ws://h/p?connection_id=REDACTED&connectionId=REDACTED"],
  ["ws://h/p?connection=s3cret&connections=2", "ws://h/p?connection=REDACTED&connections=2"],
  ["ws://h/p?API%5FKEY=s3cret", "ws://h/p?API%5FKEY=REDACTED"],
  ["ws://h/p?access_token=s3cret=&X-Amz-Signature=s3cret", "ws://h/p?access_token=REDACTED&X-Amz-Signature=REDACTED"],
  [
    "ws://h/p?ticket=s3cret&pwd=s3cret&code=s3cret&zipcode=1",
    "ws://h/p?ticket=REDACTED&pwd=REDACTED&code=REDACTED&zipcode=1",
  ],
  ["ws://h/p?video=1&width=2", "ws://h/p?video=1&width=2"],
  ["ws://h/p?s3cret&x=1", "ws://h/p?REDACTED&x=1"],
  ["wss://user:s3cret@host:1/a@b?x=1#s3cret", "wss://host:1/a@b?x=1"],
  ["feed?no=url", "feed?no=url"],
])("G-52 R-14 %s", (url, redacted) => {
  expect(redactUrl(url)).toBe(redacted);
});
