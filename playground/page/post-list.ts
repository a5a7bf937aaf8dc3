// What the page knows about the posts. Lists and single changes come in any order; a newer one is never undone by an older.
import type { DeletedPost, Post, PostList } from "../contract.ts";

export interface PostListState {
  /** Version of the newest list: whatever it does not hold and is no newer, is gone. -1 before the first. */
  readonly floor: number;
  /** By id. */
  readonly posts: ReadonlyMap<number, Post>;
  /** Deleted since `floor`: id and the version of the deletion. */
  readonly deleted: ReadonlyMap<number, number>;
}

export type PostChange =
  | { readonly kind: "saved"; readonly post: Post }
  | { readonly kind: "deleted"; readonly post: DeletedPost };

export const noPosts: PostListState = { floor: -1, posts: new Map(), deleted: new Map() };

/** The state after one change; the same object when the change is old news. */
export function applyChange(state: PostListState, change: PostChange): PostListState {
  const { id, version } = change.post;
  const known = state.posts.get(id)?.version ?? state.deleted.get(id) ?? state.floor;
  if (version <= known) return state;
  const posts = new Map(state.posts);
  const deleted = new Map(state.deleted);
  if (change.kind === "saved") {
    // Ids are never used again, so a deleted post stays deleted whatever arrives late.
    if (deleted.has(id)) return state;
    posts.set(id, change.post);
  } else {
    posts.delete(id);
    deleted.set(id, version);
  }
  return { ...state, posts, deleted };
}

/** The state after a whole list, read from the server at `list.version`; the same object when a newer list is known. */
export function applyList(state: PostListState, list: PostList): PostListState {
  if (list.version < state.floor) return state;
  const deleted = new Map([...state.deleted].filter(([, version]) => version > list.version));
  const posts = new Map<number, Post>();
  for (const post of list.posts) if (!deleted.has(post.id)) posts.set(post.id, post);
  for (const post of state.posts.values()) if (post.version > list.version) posts.set(post.id, post);
  return { floor: list.version, posts, deleted };
}

/** Newest first. */
export function sortedPosts(state: PostListState): readonly Post[] {
  return [...state.posts.values()].sort((one, other) => other.id - one.id);
}
