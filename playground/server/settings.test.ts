import { expect, it } from "vitest";
import { resolveSettings } from "./settings.ts";

it("is a demo on loopback unless told otherwise", () => {
  expect(resolveSettings({})).toMatchObject({
    host: "127.0.0.1",
    port: 7777,
    secretKey: "demo-secret",
    publicKey: "demo-public",
  });
  expect(resolveSettings({})).toHaveProperty(
    "database",
    expect.stringMatching(/playground[\\/]\.data[\\/]posts\.sqlite$/),
  );
});

it("honours PORT, HOST and PLAYGROUND_DB", () => {
  expect(resolveSettings({ PORT: "0", HOST: "localhost", PLAYGROUND_DB: ":memory:" })).toMatchObject({
    host: "localhost",
    port: 0,
    database: ":memory:",
    secretKey: "demo-secret",
  });
});

it("honours REDIS_URL", () => {
  expect(resolveSettings({ REDIS_URL: "redis://db" })).toMatchObject({ redis: "redis://db" });
  expect(resolveSettings({ REDIS_URL: "" })).not.toHaveProperty("redis");
});

it("makes keys of its own where others can connect", () => {
  const [one, other] = [resolveSettings({ HOST: "0.0.0.0" }), resolveSettings({ HOST: "0.0.0.0" })];
  expect(one).toMatchObject({
    secretKey: expect.stringMatching(/^[\w-]{24}$/),
    publicKey: expect.stringMatching(/^[\w-]{24}$/),
  });
  expect(one).not.toEqual(other);
});

it.each([
  [{ PORT: "port" }, 'PORT: expected an integer from 0 to 65535, got "port"'],
  [{ PORT: "65536" }, "PORT: expected an integer"],
  [{ REDIS_URL: "redis://:hunter2@db:x" }, "REDIS_URL: expected host:port"],
])("says what is wrong with %j, without a secret", (env, problem) => {
  const settings = resolveSettings(env);
  expect(settings).toContain(problem);
  expect(settings).not.toContain("hunter2");
});
