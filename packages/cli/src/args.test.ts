import { expect, it } from "vitest";
import { type Flags, parseFlags } from "./args.ts";

const flags = {
  url: { type: "string", value: "URL", help: "" },
  "api-key": { type: "string", multiple: true, value: "KEY", help: "" },
  anonymous: { type: "boolean", short: "a", help: "" },
} as const satisfies Flags;

it("reads values in both spellings, repeated flags, and what is no flag", () => {
  const args = parseFlags(
    ["one", "--url=http://x", "--api-key", "a", "--api-key=b", "--anonymous", "-", "--", "--url"],
    flags,
  );
  expect(args).toEqual({
    flags: { url: "http://x", "api-key": ["a", "b"], anonymous: true },
    positionals: ["one", "-", "--url"],
  });
});

it("leaves flags that were not given empty", () => {
  expect(parseFlags([], flags).flags).toEqual({ url: undefined, "api-key": [], anonymous: false });
});

it("takes the last value of a flag that is not repeatable", () => {
  expect(parseFlags(["--url", "a", "--url", "b"], flags).flags.url).toBe("b");
});

it.each([
  ["--ulr=secret", "unknown flag --ulr; did you mean --url?"],
  ["--api", "unknown flag --api; did you mean --api-key?"],
  ["--something-else", "unknown flag --something-else"],
  ["-z", "unknown flag -z"],
])("refuses %s, naming it and the nearest flag but no value", (argument, message) => {
  expect(() => parseFlags([argument], flags)).toThrow(expect.objectContaining({ code: "usage.bad-argument", message }));
});

it.each([[["--url"]], [["--url", "--anonymous"]]])("says that a value is missing in %j", (argv) => {
  expect(() => parseFlags(argv, flags)).toThrow("--url needs a value: --url URL");
});

it("says that a switch takes no value", () => {
  expect(() => parseFlags(["--anonymous=yes"], flags)).toThrow("--anonymous takes no value");
});
