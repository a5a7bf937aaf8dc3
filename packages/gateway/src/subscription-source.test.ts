import { expect, it } from "vitest";
import type { Principal } from "./auth/principal.ts";
import { ReadRequest } from "./auth/request-info.ts";
import type { Connection } from "./connection.ts";
import { type SubscriptionSource, type Visitor, byAccount, byPath, byScope, united } from "./subscription-source.ts";

const secret: Principal = { kind: "secret", account: "acme", keyId: "12345678" };

function visitor(fields: Partial<Visitor> = {}, query = ""): Visitor {
  return {
    principal: secret,
    scope: null,
    request: new ReadRequest({ url: `/api/ws/v1/events${query}`, headers: {} }),
    // Sources that are tested here do not look at it.
    connection: {} as Connection,
    mayListen: async (channel) => channel.startsWith("sock-drawer/"),
    ...fields,
  };
}
const said = async (source: SubscriptionSource, who: Visitor): Promise<string[]> => [
  ...(await united([source], who)).keys(),
];

it.each<[Principal, string[]]>([
  [secret, ["account.acme"]],
  [{ kind: "public", account: "acme", channel: "news", keyId: "12345678" }, ["news"]],
  [{ kind: "user", account: "acme", id: "42", channels: ["a", "b"] }, ["a", "b"]],
  [{ kind: "user", account: "acme", id: "42" }, []],
  [{ kind: "anonymous", account: "default" }, ["account.default"]],
])("byAccount names what is the principal's own: %j", async (principal, channels) => {
  expect(await said(byAccount(), visitor({ principal }))).toEqual(channels);
});

it("A-15 A-16 byScope names exactly the scope, and `all` without one", async () => {
  expect(await said(byScope(), visitor({ scope: "organization.1" }))).toEqual(["organization.1"]);
  expect(await said(byScope(), visitor())).toEqual(["all"]);
});

it("D-04 D-05 byPath names `all` and the path, where the authorizer allows it", async () => {
  expect(await said(byPath(), visitor())).toEqual(["all"]);
  expect(await said(byPath(), visitor({}, "?path=sock-drawer%2Fmodel_create"))).toEqual([
    "all",
    "sock-drawer/model_create",
  ]);
  await expect(said(byPath(), visitor({}, "?path=account.acme"))).rejects.toMatchObject({ code: "gateway.forbidden" });
});

it.each(["", "*", "sock-drawer/*", "sock-drawer/../a", "sock-drawer/%00", `sock-drawer/${"x".repeat(10_000)}`])(
  "byPath refuses what can't name a channel: %s",
  async (path) => {
    await expect(said(byPath(), visitor({}, `?path=${path}`))).rejects.toMatchObject({ code: "gateway.bad-request" });
  },
);

it("what all sources name is united, each channel once", async () => {
  const sources = [byAccount(), byScope(), async () => new Set(["news", "account.acme"]), () => ["all"]];
  expect([...(await united(sources, visitor())).keys()]).toEqual(["account.acme", "all", "news"]);
});

it.each(["a*", "a..b", "a\u007fb", "", "x".repeat(10_000), 7 as unknown as string])(
  "a source that names what can't be a channel is refused: %j",
  async (channel) => {
    await expect(said(() => ["fine", channel], visitor())).rejects.toMatchObject({ code: "gateway.bad-request" });
  },
);

it("a source that throws, or answers nothing that can be walked, fails", async () => {
  const broken = (): never => {
    throw new Error("database");
  };
  await expect(united([byAccount(), broken], visitor())).rejects.toThrow("database");
  await expect(said(() => undefined as unknown as string[], visitor())).rejects.toThrow(TypeError);
  await expect(said(() => "all", visitor())).rejects.toThrow("expected a list of channels, got a string");
});

it("nobody is waited for who answers at once; one that throws does not leave another's failure without a listener", async () => {
  expect(united([byAccount(), byScope()], visitor())).not.toBeInstanceOf(Promise);
  const late = async (): Promise<never> => Promise.reject(new Error("late"));
  const now = (): never => {
    throw new Error("now");
  };
  // Whichever is told: the other must not end the process.
  await expect(united([late, now], visitor())).rejects.toThrow(/late|now/);
});
