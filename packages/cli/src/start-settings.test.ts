import { expect, it } from "vitest";
import { resolveStart, type StartFlags } from "./start-settings.ts";

const none: StartFlags = {
  host: undefined,
  port: undefined,
  "api-key": [],
  "public-key": [],
  anonymous: false,
  origin: [],
  redis: undefined,
  "log-level": undefined,
};

it("A-18 D-23 has defaults for everything but who may connect: loopback, port 7777", () => {
  expect(resolveStart({ ...none, anonymous: true }, {}, {})).toEqual({
    host: "127.0.0.1",
    port: 7777,
    secretKeys: [],
    publicKeys: [],
    anonymous: true,
    origins: [],
    logLevel: "info",
  });
});

it("D-25 hands on what only a file can say; who is known to its code can connect", () => {
  const file = { authenticate: () => null, serialize: () => 1, history: { count: 5 }, presence: false } as const;
  expect(resolveStart(none, {}, file)).toMatchObject(file);
  const anonymous = { mayListen: ["chat.*"] };
  expect(resolveStart(none, {}, { anonymous }).anonymous).toEqual(anonymous);
  expect(resolveStart({ ...none, anonymous: true }, {}, { anonymous }).anonymous).toBe(true);
});

it("names both ways out when nobody could connect", () => {
  expect(() => resolveStart(none, {}, {})).toThrow(/--api-key.*--anonymous/);
});

it("D-25 reads the file, and flags win over the environment, the environment over the file", () => {
  const file = { host: "file", port: 1, apiKeys: ["file"], origins: ["https://file"], logLevel: "debug" } as const;
  const env = { HOST: "env", PORT: "2", TRUNKLINE_API_KEY: "env" };
  const flags = {
    ...none,
    host: "flag",
    port: "3",
    "api-key": ["flag"],
    origin: ["https://flag"],
    "log-level": "warn",
  };
  expect(resolveStart(none, {}, file)).toMatchObject({
    host: "file",
    port: 1,
    secretKeys: [{ key: "file" }],
    origins: ["https://file"],
    logLevel: "debug",
  });
  expect(resolveStart(none, env, file)).toMatchObject({ host: "env", port: 2, secretKeys: [{ key: "env" }] });
  expect(resolveStart(flags, env, file)).toMatchObject({
    host: "flag",
    port: 3,
    secretKeys: [{ key: "flag" }],
    origins: ["https://flag"],
    logLevel: "warn",
  });
});

it("reads accounts after the last colon, and channels and accounts of public keys", () => {
  const flags = { ...none, "api-key": ["plain", "se:cret:acme"], "public-key": ["p:account.acme", "q:room:1@acme"] };
  expect(resolveStart(flags, {}, {})).toMatchObject({
    secretKeys: [{ key: "plain" }, { key: "se:cret", account: "acme" }],
    publicKeys: [
      { key: "p", channel: "account.acme" },
      { key: "q", channel: "room:1", account: "acme" },
    ],
  });
});

it.each([
  [{ ...none, "api-key": [":acme"] }, "--api-key: expected KEY or KEY:ACCOUNT"],
  [{ ...none, "api-key": ["hunter2:"] }, "--api-key: expected an account"],
  [{ ...none, "api-key": ["prefix:hunter2!"] }, "--api-key: expected an account"],
  [{ ...none, "public-key": ["hunter2"] }, "--public-key: expected KEY:CHANNEL"],
  [{ ...none, "public-key": ["hunter2:"] }, "--public-key: expected KEY:CHANNEL"],
  [{ ...none, "public-key": ["hunter2:a*"] }, '--public-key: channel: expected no "*"'],
])("refuses the keys of %j without repeating them", (flags, message) => {
  const refused = (): unknown => resolveStart(flags, {}, {});
  expect(refused).toThrow(message);
  expect(refused).not.toThrow(/hunter2/);
});

it.each([
  [{ ...none, port: "80x" }, {}, '--port: expected an integer from 0 to 65535, got "80x"'],
  [none, { PORT: "65536" }, "PORT: expected an integer"],
  [{ ...none, "log-level": "inof" }, {}, "did you mean info?"],
])("refuses %j with the environment %j", (flags, env, message) => {
  expect(() => resolveStart({ ...flags, anonymous: true }, env, {})).toThrow(message);
});

it.each([
  [{ ...none, redis: "redis://a" }, { REDIS_URL: "redis://b" }, { redis: "redis://c" }, "redis://a"],
  [none, { REDIS_URL: "redis://b" }, { redis: "redis://c" }, "redis://b"],
  [none, { REDIS_URL: "" }, { redis: "redis://c" }, "redis://c"],
  [none, {}, {}, undefined],
])("takes Redis from the flag, the environment or the file", (flags, env, file, redis) => {
  expect(resolveStart({ ...flags, anonymous: true }, env, file).redis).toBe(redis);
});

it.each([
  [{ ...none, redis: "http://:hunter2@db" }, {}, {}, "--redis: expected redis://host:port"],
  [none, { REDIS_URL: "redis://:hunter2@db:x" }, {}, "REDIS_URL: expected host:port"],
  [none, {}, { redis: "redis+sentinel://:hunter2@db" }, "redis in the config file: expected the name of the primary"],
])("refuses a wrong Redis URL by name of its source, without its password", (flags, env, file, message) => {
  const refused = (): unknown => resolveStart({ ...flags, anonymous: true }, env, file);
  expect(refused).toThrow(message);
  expect(refused).not.toThrow(/hunter2/);
});

it("TRUNKLINE_PAGE_SECRET lets visitors in by their page, in place of the file's secret alone", () => {
  const [secret, timeouts] = ["s".repeat(32), { initialMs: 5 }];
  const env = { TRUNKLINE_PAGE_SECRET: secret };
  expect(resolveStart(none, env, {}).pages).toEqual({ secret });
  expect(resolveStart(none, env, { pages: { secret: "hunter2", timeouts } }).pages).toEqual({ secret, timeouts });
  expect(resolveStart(none, {}, { pages: { secret, timeouts } }).pages).toEqual({ secret, timeouts });
  expect(() => resolveStart(none, {}, { pages: { timeouts } })).toThrow(/TRUNKLINE_PAGE_SECRET.*pages\.secret/);
});

it("TRUNKLINE_TOKEN_SECRET says which tokens are taken, in place of the file's key alone", () => {
  const secret = "s".repeat(32);
  expect(resolveStart(none, { TRUNKLINE_TOKEN_SECRET: secret }, {}).jwt).toEqual({ secret });
  const jwt = { jwksUrl: "https://id.example/jwks.json", audience: "live" };
  expect(resolveStart(none, {}, { jwt }).jwt).toEqual(jwt);
  expect(resolveStart(none, { TRUNKLINE_TOKEN_SECRET: secret }, { jwt }).jwt).toEqual({ secret, audience: "live" });
  expect(() => resolveStart(none, { TRUNKLINE_TOKEN_SECRET: "" }, {})).toThrow(/TRUNKLINE_TOKEN_SECRET/);
});
