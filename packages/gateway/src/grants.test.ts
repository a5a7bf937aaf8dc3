import { GatewayError } from "@trunkline/core/errors";
import { ManualClock } from "@trunkline/core/testing";
import { expect, it } from "vitest";
import type { Principal } from "./auth/principal.ts";
import { ReadRequest } from "./auth/request-info.ts";
import type { Connection } from "./connection.ts";
import { Grants, type GrantsOptions } from "./grants.ts";
import { byAccount, byPath } from "./subscription-source.ts";

const user: Principal = { kind: "user", account: "acme", id: "ada", channels: ["own"], mayListen: ["news.*"] };

function grantsOf(options: Partial<GrantsOptions> = {}, url = "/api/ws/v1/events") {
  const clock = new ManualClock();
  const failures: string[] = [];
  const grants = new Grants({
    scope: undefined,
    sources: [byAccount()],
    authorize: undefined,
    attendance: null,
    clock,
    withinMs: 100,
    onFailure: (what, cause) => failures.push(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`),
    ...options,
  });
  const connection: Connection = {
    id: "c",
    principal: user,
    dialect: "v1",
    remoteAddress: undefined,
    scope: null,
    request: new ReadRequest({ url, headers: {} }),
    page: null,
    channels: [],
    subscribe: () => {},
    unsubscribe: () => {},
    close: () => {},
  };
  return { grants, clock, failures, connection };
}

const never = (): Promise<never> => new Promise(() => {});
const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

it("R-02 asks nobody about what a user may listen to, and lets nobody else in without an authorizer", async () => {
  const { grants, connection } = grantsOf();
  expect(await grants.mayListen(connection, "news.today", { inTime: true })).toEqual({ allowed: true });
  expect(await grants.mayListen(connection, "secrets", { inTime: true })).toEqual({ allowed: false });
});

it.each<[string, unknown, boolean]>([
  ["true", true, true],
  ["a truthy word", "yes", false],
  ["nothing", undefined, false],
  ["an end that is none", { expiresAt: Number.NaN }, false],
  ["an end that has come", { expiresAt: 0 }, false],
])("takes %s of an authorizer for what it is", async (_, answer, allowed) => {
  const { grants, connection, clock } = grantsOf({ authorize: async () => answer as boolean });
  clock.advance(1000);
  expect(await grants.mayListen(connection, "room", { inTime: false })).toMatchObject({ allowed });
});

it("an authorizer that fails is a no, and is told of", async () => {
  const { grants, connection, failures } = grantsOf({
    authorize: () => {
      throw new Error("database");
    },
  });
  expect(await grants.mayListen(connection, "room", { inTime: false })).toEqual({ allowed: false });
  expect(failures).toEqual(["authorize: database"]);
});

it("what does not answer in time is a no or a failure; who only waits for it may wait", async () => {
  const { grants, connection, clock, failures } = grantsOf({ authorize: never, scope: never, sources: [never] });
  const answers: unknown[] = [];
  const { principal, request } = connection;
  void grants.mayListen(connection, "waiting", { inTime: false }).then((answer) => answers.push(answer));
  void grants.mayListen(connection, "room", { inTime: true }).then((answer) => answers.push(answer));
  void Promise.resolve(grants.scope(principal, request, null)).then((answer) => answers.push(answer));
  void Promise.resolve(grants.channels(connection)).then((answer) => answers.push(answer));
  await settled();
  clock.advance(99);
  await settled();
  expect(answers).toEqual([]);
  clock.advance(1);
  await settled();
  expect(answers).toHaveLength(3);
  expect(answers).toContainEqual({ allowed: false });
  expect(answers).toContainEqual(expect.objectContaining({ ok: false, status: 500 }));
  expect(new Set(failures.map((failure) => failure.split(":")[0]))).toEqual(
    new Set(["authorize", "scope", "subscriptions"]),
  );
});

it.each([
  ["gateway.bad-request", 400],
  ["gateway.unauthorized", 401],
  ["gateway.forbidden", 403],
] as const)("a source or scope that throws %s refuses with its words", async (code, status) => {
  const refuse = (): never => {
    throw new GatewayError(code, "not today");
  };
  const { grants, connection, failures } = grantsOf({ scope: refuse, sources: [refuse] });
  const refused = { ok: false, status, error: { code, message: "not today" } };
  expect(await grants.channels(connection)).toEqual(refused);
  expect(await grants.scope(connection.principal, connection.request, null)).toEqual(refused);
  expect(failures).toEqual([]);
});

it.each([
  ["gateway.internal", 500],
  ["gateway.unavailable", 503],
] as const)("any other failure, such as %s, is the gateway's own, and its words stay here", async (code, status) => {
  const broken = (): never => {
    throw new GatewayError(code, "SECRET");
  };
  const { grants, connection, failures } = grantsOf({ sources: [broken] });
  const said = await grants.channels(connection);
  expect(said).toMatchObject({ ok: false, status, error: { code } });
  expect(JSON.stringify(said)).not.toContain("SECRET");
  expect(failures).toEqual(["subscriptions: SECRET"]);
});

it("a permission that ends is none for a path, which would not end", async () => {
  const url = "/api/ws/v1/events?path=room";
  const ending = grantsOf({ sources: [byPath()], authorize: () => ({ expiresAt: 1e15 }) }, url);
  expect(await ending.grants.channels(ending.connection)).toMatchObject({ ok: false, status: 403 });
  const unending = grantsOf({ sources: [byPath()], authorize: () => true }, url);
  expect(await unending.grants.channels(unending.connection)).toMatchObject({
    ok: true,
    channels: new Map([
      ["all", undefined],
      ["room", undefined],
    ]),
  });
});
