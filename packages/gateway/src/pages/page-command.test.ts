import fc from "fast-check";
import { expect, it } from "vitest";
import { readPageCommand } from "./page-command.ts";

const key = "0a".repeat(32);

it("reads what is said of a page that is there, and of a new one", () => {
  expect(readPageCommand({ connection: key, subscribe: ["a", "b", "a"], unsubscribe: ["c"] })).toEqual({
    page: { key },
    subscribe: ["a", "b"],
    unsubscribe: ["c"],
    push: [],
  });
  expect(readPageCommand({ cookie: null, push: [{ channel: "a" }, { channel: "b", data: 0 }] })).toEqual({
    page: { cookie: undefined, secure: false },
    subscribe: [],
    unsubscribe: [],
    push: [
      { channel: "a", data: null },
      { channel: "b", data: 0 },
    ],
  });
  expect(readPageCommand({ cookie: "a=b", secure: true })).toMatchObject({ page: { cookie: "a=b", secure: true } });
});

it.each<[unknown, RegExp]>([
  [null, /^expected an object with "connection" or "cookie", got null/],
  [[], /^expected an object .* got an array/],
  [{}, /^connection: expected the key of a page, or "cookie"/],
  [{ connection: key, cookie: null }, /not both/],
  [{ connection: key, subscrib: [] }, /^subscrib: expected one of connection,/],
  [{ connection: "hunter2" }, /^connection: expected 64 hex digits/],
  [{ connection: key.toUpperCase() }, /^connection: expected 64 hex digits/],
  [{ cookie: 7 }, /^cookie: expected the visitor's Cookie header or null, got number/],
  [{ cookie: null, secure: "yes" }, /^secure: expected true or false, got string/],
  [{ cookie: null, subscribe: "news" }, /^subscribe: expected a list of channels, got string/],
  [{ cookie: null, subscribe: ["a", "~page/x"] }, /^subscribe\[1\]: .*reserved/],
  [{ cookie: null, unsubscribe: ["a*"] }, /^unsubscribe\[0\]: .*patterns/],
  [{ cookie: null, subscribe: [["a"]] }, /^subscribe\[0\]: expected a string/],
  [{ cookie: null, push: { channel: "a" } }, /^push: expected a list such as/],
  [{ cookie: null, push: ["a"] }, /^push\[0\]: expected \{"channel","data"\}, got string/],
  [{ cookie: null, push: [{ channel: "a", event: "x" }] }, /^push\[0\]\.event: expected one of channel, data/],
  [{ cookie: null, push: [{ data: 1 }] }, /^push\[0\]\.channel: expected a string/],
])("says what is wrong with %j, and repeats no key", (value, problem) => {
  const said = readPageCommand(value);
  expect(said).toMatch(problem);
  expect(said).not.toContain("hunter2");
});

it("has an answer to any JSON", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(["string", "object"]).toContain(typeof readPageCommand(value));
    }),
  );
});
