import { expect, it } from "vitest";
import { keyring } from "./auth/api-key.ts";
import { type EventsRequest, decideStream, pageOf } from "./stream-admission.ts";

const situation = {
  keyring: keyring({
    secretKeys: [{ key: "sk", account: "acme" }],
    publicKeys: [{ key: "pk", channel: "news", account: "acme" }],
  }),
  origins: ["https://listed.example"],
  draining: false,
  greeting: 0,
  maxGreeting: 10,
};
const request: EventsRequest = {
  query: new URLSearchParams(),
  host: "gateway.example",
  origin: undefined,
  authorization: "Bearer sk",
  protocol: undefined,
  lastEventId: undefined,
};
const decide = (change: Partial<EventsRequest>, now: Partial<typeof situation> = {}) =>
  decideStream({ ...request, ...change }, { ...situation, ...now });

it("§11.1 a key's own channel unless another is named, from Last-Event-ID on", () => {
  expect(decide({})).toMatchObject({ dialect: "plain", eventStream: { only: { channel: "account.acme" } } });
  expect(decide({ authorization: "Bearer pk" })).toMatchObject({ eventStream: { only: { channel: "news" } } });
  const query = new URLSearchParams({ channel: "room" });
  expect(decide({ query, lastEventId: "e:7:t" })).toMatchObject({
    eventStream: { only: { channel: "room", position: { epoch: "e", offset: 7, tag: "t" } } },
  });
  expect(decide({ lastEventId: "" })).toMatchObject({ eventStream: { only: { channel: "account.acme" } } });
});

it("§11.3 a whole link may bring its key in hello, and carries any number of streams", () => {
  const whole = { protocol: "trunkline.v1", authorization: undefined };
  expect(decide(whole)).toEqual({
    kind: "admitted",
    dialect: "v1",
    principal: null,
    eventStream: { only: null },
  });
  expect(decide({ protocol: "trunkline.v1" })).toMatchObject({ dialect: "v1", principal: { kind: "secret" } });
  expect(decide({ ...whole, authorization: "Bearer wrong" })).toMatchObject({ status: 401 });
});

it("takes nobody while it drains, or while too many have not said hello", () => {
  expect(decide({}, { draining: true })).toMatchObject({ status: 503, error: { code: "gateway.unavailable" } });
  expect(decide({}, { greeting: 10 })).toMatchObject({ status: 503, error: { code: "gateway.limit" } });
});

it("§2.5 a page on the gateway's own host is a page, though its browser names no origin when it reads", () => {
  expect(pageOf(undefined, "same-origin", "gateway.example")).toBe("http://gateway.example");
  expect(pageOf("https://a.example", "cross-site", "gateway.example")).toBe("https://a.example");
  for (const site of [undefined, "none", "cross-site"]) expect(pageOf(undefined, site, "h")).toBe(undefined);
  const origin = pageOf(undefined, "same-origin", request.host);
  expect(decide({ origin })).toMatchObject({ kind: "refused", status: 403 });
  expect(decide({ origin, authorization: "Bearer pk" })).toMatchObject({ kind: "admitted" });
  expect(decide({ origin: "https://evil.example", authorization: "Bearer pk" })).toMatchObject({ status: 403 });
});
