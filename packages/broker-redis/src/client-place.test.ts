import { Cluster, Redis } from "ioredis";
import { expect, it } from "vitest";
import { placeOfClient } from "./client-place.ts";

const lazy = { lazyConnect: true } as const;

it("A-33 reads where Redis is from a client of ioredis", () => {
  const url = new Redis("redis://me:secret@db.example.com:6400/3", lazy);
  expect(placeOfClient(url)).toEqual({
    kind: "single",
    node: { host: "db.example.com", port: 6400 },
    db: 3,
    username: "me",
    password: "secret",
    tls: null,
  });
  expect(placeOfClient(new Redis({ ...lazy, tls: { servername: "db" } }))).toMatchObject({
    node: { host: "localhost", port: 6379 },
    tls: { servername: "db" },
  });
  const sentinels = [{ host: "s1", port: 26_380 }, { host: "s2" }];
  expect(placeOfClient(new Redis({ ...lazy, sentinels, name: "main", sentinelPassword: "s" }))).toMatchObject({
    kind: "sentinel",
    sentinels: [
      { host: "s1", port: 26_380 },
      { host: "s2", port: 26_379 },
    ],
    name: "main",
    sentinelPassword: "s",
  });
});

it("A-33 says what it can't take over", () => {
  expect(placeOfClient(new Cluster([{ host: "a", port: 1 }], lazy))).toMatch(/Cluster's `nodes`/);
  expect(placeOfClient(new Redis("/tmp/redis.sock", lazy))).toMatch(/Unix socket/);
});
