import { expect, it } from "vitest";
import type { Principal } from "./auth/principal.ts";
import { ReadRequest } from "./auth/request-info.ts";
import { createPublishing } from "@trunkline/core/publish";
import { createLinkPublishing } from "./link-publishing.ts";
import { memoryBroker } from "./memory-broker.ts";
import { createStats, publishObserver } from "./metrics.ts";
import type { GatewayOptions } from "./options.ts";

const secret: Principal = { kind: "secret", account: "acme", keyId: "5ec" };
const page: Principal = { kind: "public", account: "acme", channel: "news", keyId: "9a9" };
const anonymous: Principal = { kind: "anonymous", account: "default" };

function setUp(authorize?: GatewayOptions["authorizePublish"]) {
  const stats = createStats();
  const failures: unknown[] = [];
  const publishing = createPublishing({ broker: memoryBroker(), observer: publishObserver(stats) });
  const onFailure = (cause: unknown): void => void failures.push(cause);
  const link = createLinkPublishing({ publishing, authorize, stats, onFailure });
  const author = (principal: Principal, over = false) => ({
    id: "c",
    principal,
    dialect: "v1" as const,
    request: new ReadRequest({ headers: {} }),
    remoteAddress: undefined,
    scope: null,
    page: null,
    channels: [],
    subscribe() {},
    unsubscribe() {},
    close() {},
    over,
  });
  return { stats, failures, link, author };
}

it("§8.5 a secret key publishes inside its account and is asked about by nobody", async () => {
  const { link, author } = setUp(() => false);
  const outcomes = await Promise.all(
    [1, 2, 3].map((data) => link.publish(author(secret), { event: "e", data }, undefined)),
  );
  expect(outcomes.map((outcome) => outcome.ok && outcome.receipt.offset)).toEqual([1, 2, 3]);
  expect(outcomes[0]).toMatchObject({ receipt: { stream: "account.acme" } });
});

it("§8.5 without an authorizer nobody else may, and the answer is the same whatever the channel", async () => {
  const { link, author, stats } = setUp();
  const answers = await Promise.all(
    [page, anonymous].flatMap((principal) =>
      ["news", "nowhere", undefined].map((channel) =>
        link.publish(author(principal), { event: "e", ...(channel !== undefined && { channel }) }, undefined),
      ),
    ),
  );
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  expect(answers[0]).toMatchObject({ ok: false, error: { code: "gateway.forbidden" } });
  expect(stats.refused.get("gateway.forbidden")).toBe(6);
});

it("§8.5 the authorizer decides with what it is told; a throw, a rejection and a word that is no boolean are a no", async () => {
  const seen: unknown[] = [];
  const { link, author, failures } = setUp(({ principal, channel, event }) => {
    seen.push([principal.kind, channel, event]);
    if (event === "throws") throw new Error("thrown");
    if (event === "rejects") return Promise.reject(new Error("rejected"));
    if (event === "word") return "yes" as unknown as boolean;
    return event === "later" ? Promise.resolve(true) : event === "now";
  });
  const publish = async (event: string) => (await link.publish(author(page), { event }, undefined)).ok;
  expect(await Promise.all(["now", "later", "no", "throws", "rejects", "word"].map(publish))).toEqual([
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
  expect(seen[0]).toEqual(["public", "account.acme", "now"]);
  expect(failures.map(String)).toEqual(["Error: thrown", "Error: rejected"]);
});

it("§8.5 a bad request is told as over HTTP, and no authorizer sees it", async () => {
  const { link, author } = setUp(() => {
    throw new Error("not to be asked");
  });
  for (const principal of [secret, page])
    expect(await link.publish(author(principal), { event: "status" }, undefined)).toMatchObject({
      status: 400,
      error: { code: "gateway.bad-request", message: 'event: expected a name that is not reserved, got "status"' },
    });
});

it("who was closed while the authorizer thought publishes nothing", async () => {
  const { link, author, stats } = setUp(() => Promise.resolve(true));
  expect(await link.publish(author(page, true), { event: "e" }, undefined)).toMatchObject({ ok: false });
  expect(stats.published.log).toBe(0);
});

it("§8.2 ids are per principal; §8.6 a repetition that is too old is told so, and one without an id is refused", async () => {
  const { link, author } = setUp(() => true);
  const request = { event: "e", id: "1", channel: "room" };
  const outcomes = [];
  for (const principal of [secret, page, secret]) outcomes.push(await link.publish(author(principal), request, 0));
  expect(outcomes).toMatchObject([
    { ok: true, duplicate: false, receipt: { offset: 1 } },
    { ok: true, duplicate: false, receipt: { offset: 2 } },
    { ok: true, duplicate: true, receipt: { offset: 1 } },
  ]);
  expect(await link.publish(author(secret), { ...request, id: "2" }, 120_001)).toMatchObject({
    ok: false,
    error: { code: "gateway.outcome-unknown" },
  });
  expect(await link.publish(author(secret), { event: "e" }, 1)).toMatchObject({
    ok: false,
    error: { code: "gateway.bad-request" },
  });
});

it("a user publishes where its principal says, and elsewhere only what the authorizer allows", async () => {
  const user: Principal = { kind: "user", account: "acme", id: "ada", mayPublish: ["chat.*", "lobby"] };
  const publish = async ({ link, author }: ReturnType<typeof setUp>, channel?: string) =>
    (await link.publish(author(user), { event: "e", ...(channel !== undefined && { channel }) }, undefined)).ok;
  const alone = setUp();
  const channels = ["chat.1", "chat.", "lobby", "chat", "lobby2", "account.acme", undefined];
  expect(await Promise.all(channels.map((channel) => publish(alone, channel)))).toEqual([
    true,
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
  const asked: string[] = [];
  const judged = setUp(({ channel }) => {
    asked.push(channel);
    return channel === "news";
  });
  expect([await publish(judged, "lobby"), await publish(judged, "news"), await publish(judged, "x")]).toEqual([
    true,
    true,
    false,
  ]);
  expect(asked).toEqual(["news", "x"]);
});

it("§8.5 a channel that is no text is refused, whoever names it and wherever they may publish", async () => {
  const user: Principal = { kind: "user", account: "acme", id: "ada", mayPublish: ["chat.*", "*"] };
  const asked: unknown[] = [];
  const { link, author } = setUp(({ channel }) => asked.push(channel) > 0);
  for (const principal of [user, secret, page]) {
    for (const channel of [5, null, true, {}, ["chat.1"]] as unknown as string[]) {
      const outcome = await link.publish(author(principal), { event: "e", channel }, undefined);
      expect(outcome).toMatchObject({ status: 400, error: { message: expect.stringContaining("channel: ") } });
    }
  }
  expect(asked).toEqual([]);
});

it("§8.7 secret keys alone give one id to events of several channels", async () => {
  const user: Principal = { kind: "user", account: "acme", id: "ada", mayPublish: ["*"] };
  const { link, author } = setUp(() => true);
  const publish = (principal: Principal, id: string) => link.publish(author(principal), { event: "e", id }, undefined);
  expect(await publish(secret, "push:1")).toMatchObject({ ok: true });
  expect(await publish(user, "1")).toMatchObject({ ok: true });
  for (const principal of [user, page, anonymous])
    expect(await publish(principal, "push:1")).toMatchObject({ status: 403, error: { code: "gateway.forbidden" } });
});
