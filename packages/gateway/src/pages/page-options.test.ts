import { expect, it } from "vitest";
import { resolveOptions } from "../options.ts";
import { memoryRegistry } from "./memory-registry.ts";
import { pagesProblems } from "./page-options.ts";

const secret = "0123456789abcdef0123456789abcdef";

it("takes a secret, and all that may stand beside it", () => {
  expect(pagesProblems({ secret })).toEqual([]);
  const session = { get: () => null, set: () => {} };
  const timeouts = { initialMs: 1, disconnectMs: 1 };
  expect(pagesProblems({ secret, account: "acme", session, timeouts, onUnknownConnection: "reject" })).toEqual([]);
});

it("names every wrong one, and says nothing of the secret", () => {
  expect(() => resolveOptions({ pages: null as never })).toThrow(
    "pages: expected an object such as { secret }, got null",
  );
  const problems = pagesProblems({
    secret: "hunter2",
    account: "a/b",
    session: { get: () => null },
    timeouts: { initialMs: 0, disconnectMs: 2 ** 31, discoMs: 1 },
    onUnknownConnection: "loud",
    registri: {},
  });
  expect(problems).toEqual([
    "unknown option pages.registri; did you mean pages.registry?",
    expect.stringContaining("unknown option pages.timeouts.discoMs"),
    expect.stringContaining("pages.secret: expected at least 32 characters, got 7"),
    'pages.account: expected 1–64 letters, digits, "_" or "-", got "a/b"',
    "pages.session: expected { get, set }, two functions",
    "pages.timeouts.initialMs: expected an integer from 1 to 2147483647, got 0",
    "pages.timeouts.disconnectMs: expected an integer from 1 to 2147483647, got 2147483648",
    'pages.onUnknownConnection: expected "silent" or "reject", got another',
  ]);
  expect(problems.join()).not.toContain("hunter2");
  expect(pagesProblems({ secret, registry: memoryRegistry, timeouts: null })).toEqual([
    "pages.timeouts: expected an object such as { initialMs: 60_000 }, got null",
    "pages.registry: expected what memoryRegistry() or redisRegistry() returns, got function",
  ]);
  expect(pagesProblems({ secret, registry: memoryRegistry() })).toEqual([]);
});
