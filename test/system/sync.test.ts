import { defineContract, event } from "@trunkline/core/wire";
import type { Gateway } from "@trunkline/gateway";
import { expect, it, onTestFinished } from "vitest";
import { type Changes, createClient, type Loaded, sync } from "trunkline";
import { startChaosProxy } from "../support/chaos-proxy.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

const channel = "account.acme";
type Post = { readonly id: string; readonly title: string; readonly version: number };

/** A source of posts whose changes are published after they are made, and a view that follows it through a proxy. */
async function setUp({ historyCount = 1_000, state = false } = {}) {
  const contract = defineContract({
    events: { "post.changed": event({ delivery: state ? "state" : "log" }) },
  });
  const { gateway, url } = await startGateway({ history: { count: historyCount }, contract });
  const proxy = await startChaosProxy(url);
  onTestFinished(() => proxy.close());
  const source = new Map<string, Post>();
  let version = 0;
  const tell = (post: Partial<Post>) =>
    gateway.publish(
      { event: "post.changed", data: post, ...(post.id === undefined ? {} : { key: post.id }) },
      { account: "acme" },
    );
  return {
    gateway,
    proxy,
    source,
    write: async (id: string, title: string) => {
      const post = { id, title, version: ++version };
      source.set(id, post);
      await tell(post);
    },
    remove: async (id: string) => {
      source.delete(id);
      await tell({ id, version: ++version });
    },
    read: (): Loaded<Post> => ({
      items: [...source.values()].map((post) => ({ key: post.id, value: post, version: post.version })),
    }),
    follow: (load: () => Loaded<Post> | Promise<Loaded<Post>>) => {
      const client = createClient({ url: proxy.url, apiKey: testKeys.acme, backoff: () => 1 });
      onTestFinished(() => client.close());
      const view = new Map<string, Post>();
      const batches: Changes<Post>[] = [];
      const posts = sync<Post>(client, {
        channel,
        load,
        toItem: (data) => {
          const post = data as Post;
          const { id: key, version: own } = post;
          return post.title === undefined ? { key, version: own, deleted: true } : { key, version: own, value: post };
        },
        apply: (changes) => {
          batches.push(changes);
          if (changes.reset) view.clear();
          for (const { key, value } of changes.set) view.set(key, value);
          for (const key of changes.deleted) view.delete(key);
        },
      });
      return { client, posts, view, batches };
    },
  };
}

const same = (view: ReadonlyMap<string, Post>, source: ReadonlyMap<string, Post>): boolean =>
  view.size === source.size && [...source].every(([id, { version }]) => view.get(id)?.version === version);
const gone = (gateway: Gateway) => until("the gateway lost the link", () => gateway.stats().connections === 0);

it("W-21 a change between the first fetch and the socket's being up, and one while disconnected, are both found", async () => {
  const { gateway, proxy, source, write, remove, read, follow } = await setUp();
  await write("1", "first");
  await write("2", "second");
  proxy.freeze();
  let loads = 0;
  const { client, posts, view } = follow(async () => {
    const answer = read();
    // Read, and not yet answered, when the source changes.
    if (++loads === 1) await write("1", "changed during the load");
    return answer;
  });
  await write("2", "changed before the socket was up");
  proxy.heal();
  await posts.ready();
  await until("the view has all", () => same(view, source));
  proxy.cut();
  await gone(gateway);
  await write("1", "changed while disconnected");
  await remove("2");
  expect(posts.status).toBe("stale");
  proxy.heal();
  await until("the view is live again", () => posts.status === "live" && same(view, source));
  expect([view.get("1")?.title, view.has("2"), loads, client.status]).toEqual([
    "changed while disconnected",
    false,
    1,
    "connected",
  ]);
});

it("W-21 what the gateway no longer keeps is loaded again", async () => {
  const { gateway, proxy, source, write, remove, read, follow } = await setUp({ historyCount: 3 });
  await write("1", "first");
  await write("2", "second");
  let loads = 0;
  const { posts, view, batches } = follow(() => {
    loads++;
    return read();
  });
  await posts.ready();
  proxy.cut();
  await gone(gateway);
  await remove("2");
  for (let turn = 0; turn < 5; turn++) await write("1", `turn ${turn}`);
  proxy.heal();
  await until("the view is live again", () => loads === 2 && posts.status === "live" && same(view, source));
  expect(batches.at(-1)).toMatchObject({ reset: true, deleted: ["2"] });
});

it("W-22 a writer, a flapping link and loads at random times: the view ends equal to its source", async () => {
  for (const state of [false, true]) {
    const { proxy, source, write, remove, read, follow } = await setUp({ historyCount: 20, state });
    const { posts, view } = follow(async () => {
      const answer = read();
      await write("during", "a load");
      return answer;
    });
    for (let turn = 0; turn < 300; turn++) {
      const id = `${turn % 7}`;
      if (turn % 5 === 4 && source.has(id)) await remove(id);
      else await write(id, `turn ${turn}`);
      if (turn % 30 === 29) proxy.reset();
      if (turn % 70 === 69) posts.reload();
      if (turn % 50 === 49) await until("the view is live", () => posts.status === "live");
    }
    await until("the view is live and equal", () => posts.status === "live" && same(view, source));
  }
});
