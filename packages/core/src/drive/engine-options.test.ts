import { memoryTransport } from "@trunkline/core/testing";
import { describe, expect, it } from "vitest";
import { createEngine } from "./create-engine.ts";
import { InvalidOptionsError, OptionsValidationError } from "./engine-errors.ts";
import { defaultEngineOptions, engineOptions, resolveEngineOptions, validateEngineOptions } from "./engine-options.ts";

/** What `validateEngineOptions` finds wrong. */
function issuesOf(options: unknown) {
  try {
    validateEngineOptions(options);
  } catch (error) {
    if (error instanceof OptionsValidationError) return error.issues;
    throw error;
  }
  return [];
}
const fieldsOf = (options: unknown) => issuesOf(options).map(({ field }) => field);

it("G-01 needs a url, a transport and hooks, takes defaults for options, and opens nothing", () => {
  const { transport, peers } = memoryTransport();
  const whole = { url: "ws://memory/", transport, hooks: {} };
  for (const missing of ["url", "transport", "hooks"]) {
    const init = { ...whole, [missing]: undefined } as unknown as typeof whole;
    expect(() => createEngine(init)).toThrow(InvalidOptionsError);
    expect(() => createEngine(init)).toThrow(missing);
  }
  expect(() => createEngine(undefined as unknown as typeof whole)).toThrow(/url: .*transport: .*hooks: /);
  expect(() => createEngine({ ...whole, options: { messageConcurrency: 0 } })).toThrow(OptionsValidationError);
  const engine = createEngine(whole);
  expect([engine.state, peers.length]).toEqual(["stopped", 0]);
});

it("G-02 has the seed's defaults, in an object of one's own", () => {
  expect(defaultEngineOptions()).toEqual({
    messageConcurrency: 4,
    autoReconnect: true,
    backoff: { baseSeconds: 5, maxExponent: 1 },
    onOpenTimeoutMs: 300_000,
    stopTimeoutMs: 300_000,
  });
  expect(defaultEngineOptions()).not.toBe(defaultEngineOptions());
  expect(defaultEngineOptions().backoff).not.toBe(defaultEngineOptions().backoff);
});

describe("G-03 validation", () => {
  const backoff = { baseSeconds: 5, maxExponent: 1 };
  it.each([0, -1, 1.5, Number.NaN, "4"])("rejects %s for concurrency, base and exponent", (value) => {
    expect(fieldsOf({ messageConcurrency: value })).toEqual(["messageConcurrency"]);
    expect(fieldsOf({ backoff: { ...backoff, baseSeconds: value } })).toEqual(["backoff.baseSeconds"]);
    expect(fieldsOf({ backoff: { ...backoff, maxExponent: value } })).toEqual(["backoff.maxExponent"]);
  });
  it("rejects -1 and takes 0 for the timeouts", () => {
    expect(fieldsOf({ onOpenTimeoutMs: -1, stopTimeoutMs: -1 })).toEqual(["onOpenTimeoutMs", "stopTimeoutMs"]);
    expect(fieldsOf({ onOpenTimeoutMs: 0, stopTimeoutMs: 0 })).toEqual([]);
  });
  it("rejects what is no option, half a back-off and wrong kinds", () => {
    expect(fieldsOf({ readers: 4, autoReconnect: "yes", jitter: 2 })).toEqual(["readers", "autoReconnect", "jitter"]);
    expect(fieldsOf({ backoff: { baseSeconds: 5 } })).toEqual(["backoff.maxExponent"]);
    expect([0, -1, Number.NaN, "4"].map((capSeconds) => fieldsOf({ backoff: { ...backoff, capSeconds } }))).toEqual(
      Array(4).fill(["backoff.capSeconds"]),
    );
    expect(fieldsOf({ backoff: { ...backoff, capSeconds: 0.5 } })).toEqual([]);
    expect(fieldsOf({ backoff: 7 })).toEqual(["backoff"]);
    expect(fieldsOf({ backoff: () => 7, jitter: 0.5 })).toEqual([]);
  });
});

it("G-04 tells no options from wrong ones, and names every wrong field", () => {
  for (const nothing of [null, undefined, 7, "x", []]) {
    expect(() => validateEngineOptions(nothing)).toThrow(InvalidOptionsError);
  }
  const issues = issuesOf({ messageConcurrency: 0, autoReconnect: 1, stopTimeoutMs: -1 });
  expect(issues).toHaveLength(3);
  expect(issues[0]).toEqual({ field: "messageConcurrency", rule: "an integer >= 1", value: 0 });
  expect(() => validateEngineOptions({ jitter: 7 })).toThrow(
    expect.objectContaining({ code: "usage.bad-option", name: "OptionsValidationError" }),
  );
});

it("G-05 setters return the same object and check nothing", () => {
  const options = engineOptions();
  const chained = options
    .withAutoReconnect(false)
    .withMessageConcurrency(0)
    .withBackoffBaseSeconds(2)
    .withBackoffMaxExponent(3)
    .withOnOpenTimeoutMs(4)
    .withStopTimeoutMs(5);
  expect(chained).toBe(options);
  expect(options).toMatchObject({
    messageConcurrency: 0,
    autoReconnect: false,
    backoff: { baseSeconds: 2, maxExponent: 3 },
    onOpenTimeoutMs: 4,
    stopTimeoutMs: 5,
  });
  expect(fieldsOf(options)).toEqual(["messageConcurrency"]);
  expect(fieldsOf(engineOptions())).toEqual([]);
});

it("G-06 turns numbers into waits", () => {
  const waits = (baseSeconds: number, maxExponent: number, capSeconds?: number) => {
    const backoff = { baseSeconds, maxExponent, ...(capSeconds === undefined ? {} : { capSeconds }) };
    const resolved = resolveEngineOptions({ backoff });
    return [0, 1, 2, 3].map((attempt) => resolved.backoff(attempt) / 1000);
  };
  expect(waits(5, 1)).toEqual([1, 5, 5, 5]);
  expect(waits(5, 2)).toEqual([1, 5, 25, 25]);
  expect(waits(5, 2, 10)).toEqual([1, 5, 10, 10]);
  expect(resolveEngineOptions({}).jitter).toBe(0);
});
