import { expect, it } from "vitest";
import { createGateway } from "./create-gateway.ts";
import { type GatewayOptions, gatewayDefaults, resolveOptions } from "./options.ts";

it("undefined means the default", () => {
  expect(resolveOptions({})).toEqual({
    ...gatewayDefaults,
    enabled: true,
    listeners: [],
    origins: [],
    trustedProxies: [],
    proxyHeader: "x-forwarded-for",
    sources: [expect.any(Function)],
    rawPrefix: null,
  });
  const resolved = resolveOptions({
    heartbeatMs: 5,
    limits: { subscriptions: 2 },
    origins: ["https://a.example", "*"],
  });
  expect(resolved).toMatchObject({
    heartbeatMs: 5,
    greetTimeoutMs: 10_000,
    limits: { subscriptions: 2, frameBytes: 65_536 },
  });
});

it("every wrong option is named, with what was expected and what came", () => {
  const wrong = {
    heartbeatMs: 0,
    greetTimeoutMs: 1.5,
    drainMs: -1,
    limits: { unreadBytes: 1000, greetings: 0 },
    origins: ["app.example"],
    trustedProxies: ["10.0.0.0/8", "10.0.0.0/33"],
    proxyHeader: "via" as "forwarded",
  };
  const message = [
    "createGateway: heartbeatMs: expected an integer ≥ 1, got 0",
    "greetTimeoutMs: expected an integer ≥ 1, got 1.5",
    "drainMs: expected an integer ≥ 0, got -1",
    "limits.unreadBytes: expected an integer ≥ 65536, got 1000",
    "limits.greetings: expected an integer ≥ 1, got 0",
    'origins[0]: expected one such as "https://app.example.com", got "app.example"',
    'trustedProxies[1]: expected an address or a range such as 10.0.0.0/8, got "10.0.0.0/33"',
    'proxyHeader: expected "x-forwarded-for" or "forwarded", got another',
  ].join("; ");
  expect(() => resolveOptions(wrong)).toThrow(message);
});

it("§16.1 the raw door is off unless it is switched on", () => {
  const prefixOf = (raw: unknown) => resolveOptions({ raw: raw as boolean }).rawPrefix;
  expect([undefined, false, true, {}, { prefix: "/live/" }].map(prefixOf)).toEqual([null, null, "/", "/", "/live/"]);
  expect(() => prefixOf({ prefix: "live" })).toThrow(/raw\.prefix: expected a path such as "\/live\/".*got "live"/);
  expect(() => prefixOf({ path: "/live/" })).toThrow(/unknown option raw\.path/);
  for (const raw of [null, "/live/", 1]) expect(() => prefixOf(raw)).toThrow(/raw: expected true, false or { prefix }/);
});

it("§13 presence is on unless it is switched off, with times and limits that are looked at", () => {
  expect(resolveOptions({}).presence).toEqual({ graceMs: 10_000, leaseMs: 15_000, maxMembers: 10_000 });
  expect(resolveOptions({ presence: { graceMs: 0 } }).presence).toMatchObject({ graceMs: 0, leaseMs: 15_000 });
  expect(resolveOptions({ presence: false }).presence).toBeNull();
  expect(() => resolveOptions({ presence: { leaseMs: 999, maxMembers: -1 } })).toThrow(
    /presence\.leaseMs: expected an integer ≥ 1000, got 999.*presence\.maxMembers: expected an integer ≥ 0, got -1/,
  );
  const misspelt = { presence: { grace: 1 }, anonymous: { mayListn: [] } } as GatewayOptions;
  expect(() => resolveOptions(misspelt)).toThrow(/anonymous\.mayListn; did you mean.*presence\.grace/);
});

it("A-32 an unknown option is named, with the one that was meant; what was resolved is frozen", () => {
  const misspelt = { secretkeys: [], origin: [], limits: { greeting: 1 }, zebra: 1 } as GatewayOptions;
  expect(() => resolveOptions(misspelt)).toThrow(
    /unknown option secretkeys; did you mean secretKeys\?.*origin; did you mean origins\?.*zebra; expected one of secretKeys, .*limits\.greeting; did you mean limits\.greetings\?/,
  );
  expect(() => createGateway(misspelt)).toThrow(expect.objectContaining({ code: "usage.bad-option" }));
  const origins = ["https://a.example"];
  const resolved = resolveOptions({ origins });
  origins.push("*");
  expect(resolved.origins).toEqual(["https://a.example"]);
  for (const part of [resolved, resolved.limits, resolved.origins]) expect(Object.isFrozen(part)).toBe(true);
});
