import { describe, expect, it } from "vitest";
import { ManualClock } from "../testing/manual-clock.ts";
import { memoryTransport } from "../testing/memory-link.ts";
import { clientDefaults, type ClientOptions, resolveOptions } from "./options.ts";

const given: ClientOptions = { url: "x", transport: memoryTransport().transport };
const problems = (options: unknown): string => {
  try {
    resolveOptions(options as ClientOptions);
  } catch (error) {
    expect(error).toMatchObject({ name: "UsageError", code: "usage.bad-option" });
    return (error as Error).message;
  }
  return "";
};

it("takes the defaults for what is absent or undefined", () => {
  expect(resolveOptions({ ...given, jitter: undefined } as unknown as ClientOptions)).toEqual({
    ...clientDefaults,
    ...given,
  });
});

it("keeps what is given", () => {
  const all = {
    ...given,
    apiKey: "k",
    jitter: 0.5,
    autoConnect: false,
    connectTimeoutMs: 0,
    channels: ["a"],
    clock: new ManualClock(),
  };
  expect(resolveOptions(all)).toEqual({ ...clientDefaults, ...all });
});

describe("names what is wrong", () => {
  it.each([
    ["url", { url: 7 }],
    ["url", { url: undefined }],
    ["transport", { transport: undefined }],
    ["transport", { transport: null }],
    ["apiKey", { apiKey: 7 }],
    ["getToken", { getToken: "secret" }],
    ["backoff", { backoff: [1, 2] }],
    ["jitter", { jitter: 1.1 }],
    ["jitter", { jitter: -0.1 }],
    ["jitter", { jitter: Number.NaN }],
    ["autoConnect", { autoConnect: "yes" }],
    ["connectTimeoutMs", { connectTimeoutMs: -1 }],
    ["greetTimeoutMs", { greetTimeoutMs: "10" }],
    ["heartbeatGraceMs", { heartbeatGraceMs: Number.NaN }],
    ["channels", { channels: "news" }],
    ["512 bytes", { channels: ["news", "x".repeat(513)] }],
    ["retries", { retries: 3 }],
    ["logger", { logger: "console" }],
  ])("%s", (name, wrong) => {
    expect(problems({ ...given, ...wrong })).toContain(name);
  });

  it("all of it at once, and repeats no value that could be a secret", () => {
    const message = problems({ apiKey: 12_345, getToken: "s3cret", jitter: 2, unknown: "s3cret" });
    for (const name of ["url", "transport", "getToken", "jitter", "unknown"]) expect(message).toContain(name);
    expect(message).not.toContain("s3cret");
  });
});
