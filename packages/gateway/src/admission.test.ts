import { expect, it } from "vitest";
import { type Situation, admit, decideAdmission } from "./admission.ts";
import { createEntrance } from "./auth/entrance.ts";
import { ReadRequest, pathOf } from "./auth/request-info.ts";

const entrance = createEntrance(
  {
    secretKeys: [{ key: "a&b=c+d#e", account: "acme" }],
    publicKeys: [{ key: "pk", channel: "news", account: "acme" }],
  },
  () => {},
);
const situation: Situation = {
  origins: ["https://listed.example"],
  draining: false,
  greeting: 0,
  maxGreeting: 10,
};
interface Change {
  readonly url?: string;
  readonly origin?: string;
  readonly authorization?: string;
  readonly protocols?: string | undefined;
}
const url = "/api/ws/v1/events";

/** Both steps at once, as long as nobody has to wait. */
function decide(change: Change, now: Partial<Situation> = {}, rawPrefix: string | null = null) {
  const { protocols, origin, authorization } = { protocols: "trunkline.v1", ...change };
  const request = new ReadRequest({
    url: change.url ?? url,
    headers: {
      host: "gateway.example:8080",
      ...(origin !== undefined && { origin }),
      ...(authorization !== undefined && { authorization }),
      ...(protocols !== undefined && { "sec-websocket-protocol": protocols }),
    },
  });
  const is = { ...situation, ...now };
  const admission = decideAdmission(request, is, rawPrefix);
  if (admission.kind !== "applicant") return admission;
  const entry = { token: admission.token, request };
  const who = admission.dialect === "v1" ? entrance.beforeHello(entry) : entrance.enter(entry);
  if (who instanceof Promise) throw new Error("expected an answer at once");
  return admit(admission, who, is);
}

it("leaves other paths alone, whatever else is wrong with them", () => {
  for (const url of ["/", "/api/ws/v1/events/", "/api/ws/v1/eventsx", "/x?/api/ws/v1/events", "", "//"]) {
    expect(decide({ url }, { draining: true })).toEqual({ kind: "not-ours" });
  }
});

it("§2.1 the offered subprotocol is the dialect; only unknown ones are refused", () => {
  expect(decide({})).toEqual({ kind: "admitted", dialect: "v1", principal: null });
  expect(decide({ protocols: "graphql-ws , trunkline.v1" })).toMatchObject({ dialect: "v1" });
  expect(decide({ protocols: "graphql-ws" })).toMatchObject({ kind: "refused", status: 400 });
  expect(decide({ protocols: undefined, url: `${url}?api_key=pk` })).toMatchObject({
    kind: "admitted",
    dialect: "plain",
  });
});

it("§10.1 the key of the query arrives intact when it is escaped, and counts in the plain dialect alone", () => {
  const keyed = `${url}?x=1&api_key=${encodeURIComponent("a&b=c+d#e")}`;
  expect(decide({ url: keyed, protocols: undefined })).toMatchObject({
    kind: "admitted",
    principal: { kind: "secret", account: "acme" },
  });
  expect(decide({ url: keyed })).toMatchObject({ dialect: "v1", principal: null });
});

it("§2.2 a header is judged before the upgrade", () => {
  expect(decide({ authorization: "Bearer pk" })).toMatchObject({ kind: "admitted", principal: { kind: "public" } });
  for (const authorization of ["Bearer nope", "Basic pk", "Bearer", "Bearer a b"]) {
    expect(decide({ authorization })).toMatchObject({ kind: "refused", status: 401 });
    expect(decide({ authorization, protocols: undefined })).toMatchObject({ kind: "turned-away", dialect: "plain" });
  }
});

it("§2.5 own and listed origins may come, others not; a secret key with any of them not", () => {
  const page = { authorization: "Bearer pk" };
  for (const origin of ["http://gateway.example:8080", "https://GATEWAY.example:8080", "https://listed.example"]) {
    expect(decide({ ...page, origin })).toMatchObject({ kind: "admitted" });
    expect(decide({ origin, authorization: "Bearer a&b=c+d#e" })).toMatchObject({ kind: "refused", status: 403 });
  }
  for (const origin of ["http://gateway.example", "https://evil.example", "null", "", "https://listed.example.evil"]) {
    expect(decide({ ...page, origin })).toMatchObject({ kind: "refused", status: 403 });
    expect(decide({ ...page, origin, protocols: undefined })).toMatchObject({ kind: "turned-away" });
  }
  expect(decide({ ...page, origin: "https://evil.example" }, { origins: ["*"] })).toMatchObject({ kind: "admitted" });
});

it("§7.4, §9 nobody comes in while it drains, or while too many have not said hello", () => {
  expect(decide({}, { draining: true })).toMatchObject({ kind: "refused", status: 503 });
  expect(decide({}, { greeting: 10 })).toMatchObject({
    kind: "refused",
    status: 503,
    error: { code: "gateway.limit" },
  });
});

it("§16.1 behind the prefix of the raw door is a channel, without a subprotocol", () => {
  const at = (url: string, change: Change = {}) =>
    decide({ url, authorization: "Bearer pk", protocols: undefined, ...change }, {}, "/live/");
  expect(at("/live/a%2Fb?x=1")).toMatchObject({
    kind: "admitted",
    dialect: "raw",
    principal: { kind: "public" },
    only: { channel: "a/b" },
  });
  expect(at("/live/x?api_key=pk", { authorization: "" })).toMatchObject({ kind: "refused", status: 401 });
  expect(decide({ url: "/live/x?api_key=pk", protocols: undefined }, {}, "/live/")).toMatchObject({ kind: "admitted" });
  expect(decide({ url: "/live/x", protocols: undefined }, {}, "/live/")).toMatchObject({
    kind: "refused",
    status: 401,
  });
  expect(at("/live/x", { protocols: "trunkline.v1" })).toMatchObject({ kind: "refused", status: 400 });
  expect(at("/live/%zz")).toMatchObject({ kind: "refused", status: 400 });
  expect(at("/live/x", { origin: "https://evil.example" })).toMatchObject({ kind: "refused", status: 403 });
  expect(at("/other")).toEqual({ kind: "not-ours" });
  expect(decide({ url: "/live/x", protocols: undefined })).toEqual({ kind: "not-ours" });
  expect(decide({}, {}, "/")).toMatchObject({ kind: "admitted", dialect: "v1" });
});

it("R-14 a path that is logged has no query", () => {
  expect(pathOf("/a?api_key=secret#x")).toBe("/a");
  expect(pathOf("/a#api_key=secret")).toBe("/a");
});

it("what is the gateway's own trouble is a status in every dialect", () => {
  const failed = { ok: false, status: 500, error: { code: "gateway.internal", message: "m" } } as const;
  for (const dialect of ["v1", "plain", "raw"] as const) {
    const applicant = { kind: "applicant", dialect, token: undefined } as const;
    expect(admit(applicant, failed, situation)).toMatchObject({ kind: "refused", status: 500 });
    expect(admit(applicant, { ...failed, status: 503 }, situation)).toMatchObject({ kind: "refused", status: 503 });
    expect(admit(applicant, null, { draining: true })).toMatchObject({ kind: "refused", status: 503 });
  }
});
