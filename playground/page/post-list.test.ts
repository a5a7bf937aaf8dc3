import fc from "fast-check";
import { expect, it } from "vitest";
import type { Post, PostList } from "../contract.ts";
import { applyChange, applyList, noPosts, type PostChange, type PostListState, sortedPosts } from "./post-list.ts";

function post(id: number, version: number): Post {
  return { id, version, title: `v${version}`, body: "", createdAt: 0, updatedAt: 0 };
}
function saved(id: number, version: number): PostChange {
  return { kind: "saved", post: post(id, version) };
}
function deleted(id: number, version: number): PostChange {
  return { kind: "deleted", post: { id, version } };
}
function after(...steps: readonly (PostChange | PostList)[]): readonly Post[] {
  const apply = (state: PostListState, step: PostChange | PostList): PostListState =>
    "kind" in step ? applyChange(state, step) : applyList(state, step);
  return sortedPosts(steps.reduce(apply, noPosts));
}

it("shows the newest posts first", () => {
  expect(after({ version: 2, posts: [post(1, 1), post(2, 2)] }, saved(3, 3)).map(({ id }) => id)).toEqual([3, 2, 1]);
});

it("does not let an older answer overwrite a newer one", () => {
  expect(after(saved(1, 5), saved(1, 4))).toEqual([post(1, 5)]);
  expect(after(saved(1, 5), { version: 4, posts: [post(1, 4)] })).toEqual([post(1, 5)]);
  expect(after({ version: 9, posts: [post(1, 5)] }, { version: 8, posts: [] })).toEqual([post(1, 5)]);
});

it("does not bring a deleted post back, by a list or by a late change", () => {
  expect(after(deleted(1, 6), { version: 5, posts: [post(1, 5)] })).toEqual([]);
  expect(after(deleted(1, 6), saved(1, 5))).toEqual([]);
  expect(after({ version: 6, posts: [] }, saved(1, 5))).toEqual([]);
});

it("removes what was deleted while nobody told, once a newer list says so", () => {
  expect(after({ version: 2, posts: [post(1, 1), post(2, 2)] }, { version: 3, posts: [post(2, 2)] })).toEqual([
    post(2, 2),
  ]);
});

it("keeps a post that is newer than the list", () => {
  expect(after(saved(7, 7), { version: 6, posts: [] })).toEqual([post(7, 7)]);
});

it("ends with what the server has, in whatever order lists and changes arrive", () => {
  const action = fc.constantFrom("create", "update", "delete");
  fc.assert(
    fc.property(fc.array(action, { maxLength: 12 }), fc.infiniteStream(fc.nat()), (actions, numbers) => {
      const draw = (below: number): number => numbers.next().value % below;
      const server = new Map<number, Post>();
      const messages: (PostChange | PostList)[] = [{ version: 0, posts: [] }];
      for (const [index, what] of actions.entries()) {
        const version = index + 1;
        const [oldest] = server.keys();
        const id = what === "create" || oldest === undefined ? version : oldest;
        const change = what === "delete" && oldest !== undefined ? deleted(id, version) : saved(id, version);
        if (change.kind === "saved") server.set(id, post(id, version));
        else server.delete(id);
        messages.push(change, { version, posts: [...server.values()] });
      }
      const shuffled = messages
        .map((message) => ({ message, place: draw(1_000_000) }))
        .sort((a, b) => a.place - b.place);
      expect(after(...shuffled.map(({ message }) => message))).toEqual(
        [...server.values()].sort((a, b) => b.id - a.id),
      );
    }),
  );
});
