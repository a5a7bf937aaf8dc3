import { expect, it } from "vitest";
import { createEntrance } from "./auth/entrance.ts";
import { ReadRequest } from "./auth/request-info.ts";
import { admitStream, decideStream } from "./stream-admission.ts";

const entrance = createEntrance(
  { secretKeys: [{ key: "sk", account: "acme" }], publicKeys: [{ key: "pk", channel: "news", account: "acme" }] },
  () => {},
);
const situation = { origins: ["https://listed.example"], draining: false, greeting: 0, maxGreeting: 10 };
interface Change {
  readonly query?: string;
  readonly origin?: string;
  readonly site?: string;
  readonly authorization?: string | undefined;
  readonly protocol?: string;
  readonly lastEventId?: string;
}

function requestOf({ query = "", origin, site, protocol, lastEventId, ...change }: Change): ReadRequest {
  const { authorization } = { authorization: "Bearer sk", ...change };
  return new ReadRequest({
    url: `/api/v1/events${query}`,
    headers: {
      host: "gateway.example",
      ...(origin !== undefined && { origin }),
      ...(site !== undefined && { "sec-fetch-site": site }),
      ...(authorization !== undefined && { authorization }),
      ...(protocol !== undefined && { "trunkline-protocol": protocol }),
      ...(lastEventId !== undefined && { "last-event-id": lastEventId }),
    },
  });
}

/** Both steps at once, as long as nobody has to wait. */
function decide(change: Change, now: Partial<typeof situation> = {}) {
  const request = requestOf(change);
  const is = { ...situation, ...now };
  const applicant = decideStream(request, is);
  if (applicant.kind === "refused") return applicant;
  const entry = { token: applicant.token, request };
  const who = applicant.whole ? entrance.beforeHello(entry) : entrance.enter(entry);
  if (who instanceof Promise) throw new Error("expected an answer at once");
  return admitStream(applicant, request, who, is);
}

it("§11.1 the first of its own channels unless one is named, from Last-Event-ID on", () => {
  expect(decide({})).toMatchObject({ dialect: "plain", eventStream: { only: {} } });
  expect(decide({ query: "?channel=room", lastEventId: "e:7:t" })).toMatchObject({
    eventStream: { only: { channel: "room", position: { epoch: "e", offset: 7, tag: "t" } } },
  });
  expect(decide({ lastEventId: "" })).toMatchObject({ eventStream: { only: {} } });
  expect(decide({ lastEventId: "e:7:t" })).toMatchObject({ eventStream: { only: { position: { offset: 7 } } } });
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
  expect(requestOf({ site: "same-origin" }).origin).toBe("http://gateway.example");
  expect(requestOf({ origin: "https://a.example", site: "cross-site" }).origin).toBe("https://a.example");
  expect(requestOf({ site: "none" }).origin).toBe(undefined);
  expect(requestOf({}).origin).toBe(undefined);
  expect(decide({ site: "same-origin" })).toMatchObject({ kind: "refused", status: 403 });
  expect(decide({ site: "same-origin", authorization: "Bearer pk" })).toMatchObject({ kind: "admitted" });
  expect(decide({ origin: "https://evil.example", authorization: "Bearer pk" })).toMatchObject({ status: 403 });
});
