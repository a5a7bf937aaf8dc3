import { defineContract, event, events } from "@trunkline/core";
import { ManualClock, memoryTransport } from "@trunkline/core/testing";
import { describe, expect, expectTypeOf, it } from "vitest";
import * as browser from "./browser.ts";
import * as node from "./node.ts";
import * as plainEntry from "./plain.ts";

describe.each([
  ["browser", browser],
  ["node", node],
])("the %s door", (_, door) => {
  it("picks a transport, and takes another one", async () => {
    const own = door.createClient({ url: "http://127.0.0.1:9", autoConnect: false });
    expect(own.status).toBe("disconnected");
    await own.close();
    const memory = memoryTransport();
    const client = door.createClient({ url: "x", transport: memory.transport, clock: new ManualClock() });
    expect(memory.alive).toBe(1);
    await client.close();
  });

  it("offers the client, not its insides", () => {
    expect(Object.keys(door).sort()).toEqual([
      "GatewayError",
      "LinkError",
      "PeerError",
      "TrunklineError",
      "UsageError",
      "call",
      "clientDefaults",
      "createClient",
      "createOutbox",
      "defineContract",
      "event",
      "events",
      "exponential",
      "geometric",
      "refreshToken",
      "schedule",
      "sync",
      "version",
    ]);
  });
});

it("the plain dialect is its own entry", () => {
  expect(Object.keys(plainEntry)).toEqual(["plain"]);
});

it("a contract types the events; what it does not name is unknown", () => {
  interface Post {
    readonly title: string;
  }
  const contract = defineContract({ events: { "post.created": event<Post>(), "cursor.moved": event<number>() } });
  const client = node.createClient({
    url: "x",
    contract,
    autoConnect: false,
    transport: memoryTransport().transport,
  });
  client.on("post.created", (post, meta) => {
    expectTypeOf(post).toEqualTypeOf<Post>();
    expectTypeOf(meta.offset).toEqualTypeOf<number | undefined>();
  });
  client.on("anything", (data) => expectTypeOf(data).toBeUnknown());
  client.on("status", (status) => expectTypeOf(status).toEqualTypeOf<node.Status>());
  client.on("gap", (gap) => expectTypeOf(gap.from).toBeNumber());
  expectTypeOf(client.once("post.created")).resolves.toEqualTypeOf<[data: Post, meta: node.EventMeta]>();
  // @ts-expect-error: a title is no number
  client.on("post.created", (post: { readonly title: number }) => post);
  expectTypeOf(events(client, "post.created")).toExtend<AsyncIterable<readonly unknown[]>>();
});
