import { metrics, trace } from "@opentelemetry/api";
import type { TrunklineError } from "@trunkline/core";
import { describe, expect, it, onTestFinished } from "vitest";
import { recordTelemetry } from "../../../test/support/telemetry.ts";
import { instrumentBroker, instrumentClient, instrumentGateway, instrumentPublisher } from "./index.ts";
import { type InstrumentOptions, resolveTelemetry } from "./options.ts";

const codeOf = (run: () => unknown): string => {
  try {
    run();
    return "nothing was thrown";
  } catch (error) {
    return (error as TrunklineError).code;
  }
};

const decorators = [instrumentPublisher, instrumentClient, instrumentGateway, instrumentBroker] as readonly ((
  thing: unknown,
  options?: InstrumentOptions,
) => unknown)[];

describe("every decorator", () => {
  it("G-49 returns the very thing while no provider is registered", () => {
    const method = (): never => {
      throw new Error("called");
    };
    const names = [
      "publish",
      "publisher",
      "on",
      "off",
      "once",
      "health",
      "stats",
      "close",
      "open",
      "append",
      "broadcast",
      "read",
      "heads",
    ];
    const thing = Object.fromEntries(names.map((name) => [name, method]));
    for (const instrument of decorators) expect(instrument(thing)).toBe(thing);
  });

  it("G-49 refuses what it can't decorate, and providers that are none", () => {
    const { tracerProvider } = recordTelemetry();
    for (const instrument of decorators) {
      for (const thing of [null, undefined, 7, {}, { publish: 7 }])
        expect(codeOf(() => instrument(thing, { tracerProvider }))).toBe("usage.bad-argument");
    }
    const target = { publish: () => null };
    for (const options of [{ tracerProvider: {} }, { meterProvider: 7 }, { propagator: { inject() {} } }])
      expect(codeOf(() => instrumentPublisher(target, options as never))).toBe("usage.bad-option");
  });
});

describe("providers", () => {
  it("G-49 are those that are registered, once they are", () => {
    expect(resolveTelemetry("x", {})).toMatchObject({ tracer: null, meter: null });
    const { tracerProvider, meterProvider } = recordTelemetry();
    onTestFinished(() => (trace.disable(), metrics.disable()));
    trace.setGlobalTracerProvider(tracerProvider);
    expect(resolveTelemetry("x", {}).tracer).not.toBeNull();
    expect(resolveTelemetry("x", {}).meter).toBeNull();
    metrics.setGlobalMeterProvider(meterProvider);
    expect(resolveTelemetry("x", {}).meter).not.toBeNull();
  });
});
