import { type ClientOptions, type TrunklineError, createClient, refreshToken } from "@trunkline/core";
import { plain } from "@trunkline/core/plain";
import type { Clock } from "@trunkline/core/ports";
import { ManualClock } from "@trunkline/core/testing";
import {
  type Authenticator,
  type GatewayOptions,
  type UserPrincipal,
  jwt,
  signSubscription,
  signToken,
  subscriptionTokens,
} from "@trunkline/gateway";
import { createTestGateway } from "@trunkline/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { openEventStream, openStreamLink } from "../support/event-stream-client.ts";
import { connectV1, openLink, sayHello } from "../support/frame-client.ts";
import { startGateway } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

const minute = 60_000;
/** Signatures that are being made or checked: those take time that no manual clock turns. */
let busy = 0;
/** Lets everything that needs no time happen. */
async function settle(): Promise<void> {
  for (let round = 0; round < 20; round++) {
    await new Promise((resolve) => void setImmediate(resolve));
    if (busy > 0) round = 0;
  }
}
async function counted<T>(work: Promise<T>): Promise<T> {
  busy += 1;
  try {
    return await work;
  } finally {
    busy -= 1;
  }
}

/** A gateway and the one who signs for it. A token is a principal as JSON: what is tested here is its life. */
function setUp(options: GatewayOptions = {}, clock = new ManualClock()) {
  const log: unknown[] = [];
  const note = (...line: unknown[]): unknown => log.push(line);
  const authenticate: Authenticator = async ({ token = "" }) => {
    await Promise.resolve();
    if (!token.startsWith("{")) return null;
    const principal = JSON.parse(token) as UserPrincipal;
    return (principal.expiresAt ?? Infinity) > clock.wallTime() ? principal : null;
  };
  const gateway = createTestGateway({
    clock,
    authenticate,
    anonymous: false,
    logger: { debug: note, info: note, warn: note, error: note },
    ...options,
  });
  const user = (life: number, more: Partial<UserPrincipal> = {}): UserPrincipal => ({
    kind: "user",
    account: "default",
    id: "ada",
    channels: ["mine"],
    expiresAt: clock.wallTime() + life,
    claims: { jti: `SECRET ${clock.now()}` },
    ...more,
  });
  const connect = (given: Partial<ClientOptions>) => {
    const errors: TrunklineError[] = [];
    const heard: unknown[] = [];
    const statuses: string[] = [];
    const client = createClient({ url: gateway.url, transport: gateway.transport, clock, ...given });
    client.on("error", (error) => errors.push(error));
    client.on("*", (data) => heard.push(data));
    client.on("status", (status) => statuses.push(status));
    onTestFinished(() => client.close({ timeoutMs: 0 }));
    return { client, errors, heard, statuses };
  };
  /** Publishes one event per second. */
  const run = async (seconds: number, channel = "mine", from = 1): Promise<void> => {
    for (let second = from; second < from + seconds; second++) {
      clock.advance(500);
      await settle();
      await gateway.publish({ event: "tick", channel, data: second });
      clock.advance(500);
      await settle();
    }
  };
  onTestFinished(() => gateway.close());
  return { clock, gateway, log, user, connect, run };
}
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

describe("§2.7 a client whose tokens end", () => {
  it("lives through one after another, connected throughout, and hears each event once and in order", async () => {
    const { gateway, user, connect, run, log } = setUp();
    let tokens = 0;
    const getToken: ClientOptions["getToken"] = () =>
      JSON.stringify(user(minute, { claims: { jti: `SECRET ${++tokens}` } }));
    const { client, errors, heard, statuses } = connect({ getToken });
    await client.ready();
    await run(330);
    expect(heard).toEqual(upTo(330));
    expect(statuses).toEqual(["connected"]);
    expect(errors).toEqual([]);
    expect(tokens).toBeGreaterThanOrEqual(6);
    expect(gateway.clients).toHaveLength(1);
    expect(JSON.stringify(log)).not.toContain("SECRET");
  });

  it("that keeps one until it is refused loses nothing either", async () => {
    const { user, connect, run } = setUp();
    const asked: boolean[] = [];
    let token = JSON.stringify(user(minute));
    const { client, heard, statuses } = connect({
      getToken: ({ fresh }) => {
        asked.push(fresh);
        if (fresh) token = JSON.stringify(user(minute));
        return token;
      },
    });
    await client.ready();
    await run(330);
    expect(heard).toEqual(upTo(330));
    expect(asked.filter(Boolean).length).toBeGreaterThanOrEqual(5);
    expect(statuses.at(-1)).toBe("connected");
  });

  it("with a static one stops for good at its end", async () => {
    const { clock, user, connect, run } = setUp();
    const { client, errors, statuses, heard } = connect({ apiKey: JSON.stringify(user(minute)) });
    await client.ready();
    await run(70);
    expect(heard).toEqual(upTo(heard.length));
    expect(heard.length).toBeLessThanOrEqual(60);
    expect(statuses.at(-1)).toBe("disconnected");
    expect(errors.at(-1)).toMatchObject({ name: "GatewayError", code: "gateway.unauthorized" });
    expect(JSON.stringify(errors.map(String))).not.toContain("SECRET");
    clock.advance(10 * minute);
    await settle();
    expect(client.status).toBe("disconnected");
  });

  it("§10 in the plain dialect is closed with 4401, and comes back with a fresh one", async () => {
    const { user, connect, run } = setUp();
    const asked: boolean[] = [];
    const { client, statuses, heard } = connect({
      dialect: plain(),
      getToken: ({ fresh }) => {
        asked.push(fresh);
        return JSON.stringify(user(minute));
      },
    });
    await client.ready();
    await run(70);
    expect(asked).toEqual([false, true]);
    expect(statuses).toEqual(["connected", "reconnecting", "connected"]);
    expect(heard.at(-1)).toMatchObject({ data: 70 });
  });
});

describe("§2.7 auth, with refreshToken", () => {
  it("goes on with other permissions on the same link, and its end is the new token's", async () => {
    const { clock, gateway, user, connect, run } = setUp({ authorize: () => false });
    let next = user(minute, { channels: ["old"], mayListen: ["team.*"] });
    const { client, heard, errors } = connect({ getToken: () => JSON.stringify(next) });
    await client.ready();
    await client.subscribe("team.1");
    const [connection] = gateway.clients;
    expect(connection?.channels).toEqual(["old", "team.1"]);
    next = user(10 * minute, { channels: ["new"], mayListen: ["team.2"] });
    expect(await refreshToken(client)).toBe(10 * minute);
    await settle();
    expect(gateway.clients).toEqual([connection]);
    expect([...(connection?.channels ?? [])]).toEqual(["new"]);
    expect(connection?.principal).toEqual(next);
    for (const channel of ["old", "team.1"]) await gateway.publish({ event: "leak", channel, data: channel });
    await run(90, "new");
    expect(heard).toEqual(upTo(90));
    await expect(client.subscribe("team.1")).rejects.toMatchObject({ code: "gateway.forbidden" });
    expect(errors.map(({ message }) => message.split(":")[0])).toEqual(["old", "team.1"]);
    expect(clock.now()).toBeGreaterThan(minute);
  });

  it("is refused somebody else's token and one that is over, and goes on with its own", async () => {
    const { clock, gateway, user, connect, run, log } = setUp();
    const own = JSON.stringify(user(minute));
    const others = [user(minute, { id: "bob", channels: ["bob"] }), user(minute, { account: "globex" }), user(-1)].map(
      (one) => JSON.stringify(one),
    );
    const bad = [...others, gateway.apiKey, "SECRET nonsense"];
    const { client, heard } = connect({ getToken: ({ fresh }) => (fresh ? (bad.shift() ?? own) : own) });
    await client.ready();
    while (bad.length > 0) await expect(refreshToken(client)).rejects.toMatchObject({ code: "gateway.unauthorized" });
    await gateway.publish({ event: "leak", channel: "bob", data: "bob" });
    await run(10);
    expect(heard).toEqual(upTo(10));
    expect(gateway.clients[0]?.principal).toMatchObject({ id: "ada", account: "default" });
    // The channel of that name was published to just now.
    const lines = log.filter((line) => (line as readonly unknown[])[0] !== "event accepted");
    expect(JSON.stringify(lines)).not.toMatch(/SECRET|bob/);
    expect(await refreshToken(client)).toBe(minute - clock.now());
  });

  it("is given up when its authenticator does not answer, and what that says later counts for nothing", async () => {
    const held: ((principal: UserPrincipal) => void)[] = [];
    const clock = new ManualClock();
    const ada: UserPrincipal = { kind: "user", account: "default", id: "ada", expiresAt: clock.wallTime() + minute };
    const authenticate: Authenticator = ({ token }) =>
      token === "slow" ? new Promise((resolve) => held.push(resolve)) : { ...ada, claims: { token } };
    const { connect, gateway } = setUp({ authenticate }, clock);
    const tokens = ["first", "slow", "quick"];
    const { client } = connect({ getToken: () => tokens.shift() ?? "" });
    await client.ready();
    const refreshed = refreshToken(client);
    await settle();
    clock.advance(10_000);
    await expect(refreshed).rejects.toMatchObject({ code: expect.stringMatching(/unauthorized|timeout/) });
    await settle();
    const again = refreshToken(client);
    await settle();
    held[0]?.({ ...ada, claims: { token: "slow" } });
    expect(await again).toBe(minute - 10_000);
    await settle();
    expect(gateway.clients[0]?.principal).toMatchObject({ claims: { token: "quick" } });
  });

  it("what an authorizer decides meanwhile by the old permissions is decided again", async () => {
    const waiting: ((answer: boolean) => void)[] = [];
    const roles: unknown[] = [];
    const { user, connect, gateway } = setUp({
      authorize: ({ principal }) => {
        roles.push(principal.kind === "user" && principal.claims?.["role"]);
        return new Promise((resolve) => waiting.push(resolve));
      },
    });
    let role = "admin";
    const { client } = connect({ getToken: () => JSON.stringify(user(minute, { claims: { role } })) });
    await client.ready();
    const granted = client.subscribe("secrets");
    await settle();
    role = "guest";
    await refreshToken(client);
    waiting[0]?.(true);
    await settle();
    waiting[1]?.(false);
    await expect(granted).rejects.toMatchObject({ code: "gateway.forbidden" });
    expect(roles).toEqual(["admin", "guest"]);
    expect(gateway.clients[0]?.channels).toEqual(["mine"]);
  });
});

describe("signed permissions", () => {
  const secret = "0123456789abcdef0123456789abcdef";
  const withPermissions = () => {
    const clock = new ManualClock();
    const set = setUp({ authorize: subscriptionTokens({ secret, clock }) }, clock);
    const sign = (channel: string, seconds: number, user = "ada"): Promise<string> =>
      signSubscription({ channel, user, expiresInSeconds: seconds }, { secret, clock });
    return { ...set, sign };
  };

  it("let a client subscribe, and again after a loss, and end where they say", async () => {
    const { clock, gateway, connect, sign, log, user } = withPermissions();
    const token = await sign("orders.7", 60);
    const { client, heard, errors } = connect({
      getToken: () => JSON.stringify(user(100 * minute)),
      backoff: () => 0,
    });
    await client.ready();
    await expect(client.subscribe("orders.7")).rejects.toMatchObject({ code: "gateway.forbidden" });
    await expect(client.subscribe("orders.8", { token })).rejects.toMatchObject({ code: "gateway.forbidden" });
    await client.subscribe("orders.7", { token });
    gateway.disconnect();
    await settle();
    clock.advance(1);
    await client.ready();
    await gateway.publish({ event: "e", channel: "orders.7", data: 1 });
    await settle();
    expect(heard).toEqual([1]);
    for (let second = 0; second < 60; second++) {
      clock.advance(1000);
      await settle();
    }
    expect(errors.at(-1)).toMatchObject({ code: "gateway.forbidden", message: expect.stringContaining("orders.7") });
    await gateway.publish({ event: "leak", channel: "orders.7", data: 2 });
    await settle();
    expect(heard).toEqual([1]);
    await client.subscribe("orders.7", { token: await sign("orders.7", 60) });
    await gateway.publish({ event: "e", channel: "orders.7", data: 3 });
    await settle();
    expect(heard).toEqual([1, 3]);
    const said = JSON.stringify([log, errors.map(({ message }) => message)]);
    expect(said).not.toContain(token);
    expect(said).not.toContain(token.split(".")[2]);
  });

  it("renewed in time leave no hole", async () => {
    const { clock, connect, sign, user, run } = withPermissions();
    const { client, heard, errors } = connect({ getToken: () => JSON.stringify(user(100 * minute)) });
    await client.ready();
    for (let round = 0; round < 5; round++) {
      await client.subscribe("orders.7", { token: await sign("orders.7", 60) });
      await run(50, "orders.7", 50 * round + 1);
    }
    expect(heard).toEqual(upTo(250));
    expect(errors).toEqual([]);
    expect(clock.now()).toBeGreaterThan(4 * minute);
  });

  it("of another user are no good, on any connection", async () => {
    const { connect, sign, user } = withPermissions();
    const token = await sign("orders.7", 60, "bob");
    for (const id of ["ada", "eve"]) {
      const { client } = connect({ getToken: () => JSON.stringify(user(minute, { id })) });
      await client.ready();
      await expect(client.subscribe("orders.7", { token })).rejects.toMatchObject({ code: "gateway.forbidden" });
    }
  });
});

describe("JWTs and permissions under one secret", () => {
  const secret = "0123456789abcdef0123456789abcdef";
  const withTokens = () => {
    const clock = new ManualClock();
    const check = jwt({ secret, account: "default", clock });
    const authenticate: Authenticator = (entry) => counted(Promise.resolve(check(entry)));
    const set = setUp({ authenticate, authorize: subscriptionTokens({ secret, clock }) }, clock);
    const login = (seconds: number, claims: object = {}): Promise<string> =>
      counted(signToken({ sub: "ada", channels: ["mine"], ...claims }, { secret, clock, expiresInSeconds: seconds }));
    return { ...set, login };
  };

  it("§2.7 a client lives through five tokens, and hears each event once and in order", async () => {
    const { connect, login, run } = withTokens();
    let tokens = 0;
    const { client, heard, statuses, errors } = connect({ getToken: () => login(60, { jti: String(++tokens) }) });
    await client.ready();
    await run(330);
    expect({ heard, statuses, errors }).toEqual({ heard: upTo(330), statuses: ["connected"], errors: [] });
    expect(tokens).toBeGreaterThanOrEqual(6);
    expect(await refreshToken(client)).toBe(minute);
  });

  it("neither passes for the other", async () => {
    const { connect, login, clock } = withTokens();
    const about = { channel: "orders.7", account: "default", user: "ada" };
    const permission = await signSubscription({ ...about, expiresInSeconds: 60 }, { secret, clock });
    const stranger = connect({ apiKey: permission });
    await expect(stranger.client.ready()).rejects.toMatchObject({ code: "gateway.unauthorized" });
    const { client } = connect({ getToken: ({ fresh }) => (fresh ? permission : login(60)) });
    await client.ready();
    await expect(refreshToken(client)).rejects.toMatchObject({ code: "gateway.unauthorized" });
    const token = await login(60, about);
    await expect(client.subscribe("orders.7", { token })).rejects.toMatchObject({ code: "gateway.forbidden" });
    await client.subscribe("orders.7", { token: permission });
  });
});

describe("over real sockets", () => {
  const clock = new ManualClock();
  const ending = (life: number): Authenticator => {
    const expiresAt = clock.wallTime() + life;
    return () => ({ kind: "user", account: "acme", id: "ada", channels: ["mine"], expiresAt });
  };

  it("§2.7 the end of a token ends every kind of link: 4401, or the end of the stream", async () => {
    const { url, socketUrl, gateway } = await startGateway({ clock, authenticate: ending(20_000) });
    const v1 = await connectV1(socketUrl, { token: "t" });
    const bare = await openLink(`${socketUrl}?api_key=t`);
    const stream = await openEventStream(url, { key: "t" });
    await until("all three are in", () => [...gateway.connections()].length === 3);
    expect(v1.hello.expiresInMs).toBe(20_000);
    clock.advance(18_000);
    expect(await v1.next("drain")).toMatchObject({ spreadMs: expect.any(Number) });
    expect([...gateway.connections()]).toHaveLength(3);
    clock.advance(2_000);
    expect(await v1.next("error")).toMatchObject({ code: "gateway.unauthorized", fatal: true });
    expect((await v1.end()).code).toBe(4401);
    expect((await bare.end()).code).toBe(4401);
    await until("the stream ends", () => stream.ended);
    expect([...gateway.connections()]).toEqual([]);
  });

  it("§2.7 ends when it was to end, however the clock on the wall is set meanwhile", async () => {
    const steady = new ManualClock();
    let aheadMs = 0;
    const wall: Clock = {
      now: () => steady.now(),
      wallTime: () => steady.wallTime() + aheadMs,
      setTimer: (run, delayMs) => steady.setTimer(run, delayMs),
      clearTimer: (timer) => steady.clearTimer(timer),
      random: () => steady.random(),
    };
    const expiresAt = wall.wallTime() + 20_000;
    const authenticate: Authenticator = () => ({ kind: "user", account: "acme", id: "ada", expiresAt });
    const { socketUrl } = await startGateway({ clock: wall, authenticate });
    const client = await connectV1(socketUrl, { token: "t" });
    aheadMs = 60 * minute;
    steady.advance(17_000);
    await settle();
    expect(client.ended).toBeNull();
    aheadMs = -60 * minute;
    steady.advance(3_000);
    expect((await client.end()).code).toBe(4401);
  });

  it("§11.3 a link over an event stream is told of the end, and takes a fresh token", async () => {
    const authenticate: Authenticator = ({ token = "" }) => ({
      kind: "user",
      account: "acme",
      id: "ada",
      expiresAt: clock.wallTime() + Number(token),
    });
    const { url } = await startGateway({ clock, authenticate });
    const link = await openStreamLink(url);
    await link.post({ type: "hello", instance: "i", token: "20000" });
    await until("connected comes", () => link.client.frames.length > 0);
    expect(link.client.frames).toMatchObject([{ type: "connected", expiresInMs: 20_000 }]);
    await link.post({ type: "auth", token: "40000" });
    await until("auth comes", () => link.client.frames.length > 1);
    expect(link.client.frames[1]).toEqual({ type: "auth", expiresInMs: 40_000 });
    clock.advance(39_999);
    expect(link.client.ended).toBe(false);
    clock.advance(1_000);
    await until("the stream ends", () => link.client.ended);
    expect(link.client.frames.map(({ type }) => type)).toContain("drain");
    expect(link.client.events.at(-1)).toMatchObject({ event: "close", data: expect.stringContaining("4401") });
  });

  it("§2.7 whoever comes with a token that is over is refused, whatever its authenticator says", async () => {
    const { socketUrl } = await startGateway({ clock, authenticate: ending(-1) });
    const late = await sayHello(socketUrl, { token: "t" });
    expect((await late.end()).code).toBe(4401);
    expect(late.all("connected")).toEqual([]);
  });
});
