import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openPostsStore } from "./posts-store.ts";

it("creates, changes and removes posts, each with a newer version, newest first", () => {
  const store = openPostsStore(":memory:", () => 1000);
  const first = store.create({ title: "one", body: "1" });
  const second = store.create({ title: "two", body: "" });
  expect(first).toMatchObject({ id: 1, title: "one", body: "1", createdAt: 1000, updatedAt: 1000 });
  expect(store.list()).toEqual({ version: second.version, posts: [second, first] });
  const updated = store.update(first.id, { title: "uno", body: "" });
  expect(updated).toMatchObject({ kind: "updated", post: { id: 1, title: "uno", version: second.version + 1 } });
  expect(store.remove(second.id)).toEqual({ id: 2, version: second.version + 2 });
  expect(store.list()).toMatchObject({ version: second.version + 2, posts: [{ id: 1 }] });
  store.close();
});

it("says so when there is no such post, and changes nothing", () => {
  const store = openPostsStore(":memory:");
  const before = store.list();
  expect([store.get(1), store.update(1, { title: "a", body: "" }), store.remove(1)]).toEqual([
    null,
    { kind: "missing" },
    null,
  ]);
  expect(store.list()).toEqual(before);
  store.close();
});

it("refuses an update by someone who saw an older version", () => {
  const store = openPostsStore(":memory:");
  const { id, version } = store.create({ title: "a", body: "" });
  store.update(id, { title: "b", body: "" }, version);
  expect(store.update(id, { title: "c", body: "" }, version)).toMatchObject({ kind: "conflict", post: { title: "b" } });
  expect(store.get(id)?.title).toBe("b");
  store.close();
});

it("never uses an id again", () => {
  const store = openPostsStore(":memory:");
  const { id } = store.create({ title: "a", body: "" });
  store.remove(id);
  expect(store.create({ title: "b", body: "" }).id).toBe(id + 1);
  store.close();
});

it("keeps posts in its file, in a folder it makes, and counts on even when the clock went back", () => {
  const folder = mkdtempSync(join(tmpdir(), "trunkline-posts-"));
  try {
    const path = join(folder, "new", "posts.sqlite");
    const first = openPostsStore(path, () => 5000);
    const post = first.create({ title: "kept", body: "" });
    first.close();
    const second = openPostsStore(path, () => 10);
    expect(second.get(post.id)).toEqual(post);
    expect(second.create({ title: "next", body: "" }).version).toBe(post.version + 1);
    second.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it("starts a new database above any version of an older one", () => {
  const store = openPostsStore(":memory:", () => 9000);
  expect(store.list().version).toBeGreaterThanOrEqual(9000);
  store.close();
});
