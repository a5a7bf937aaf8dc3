// What this app says about its live events: the server publishes by it, the page listens by it.
import { defineContract, event } from "trunkline";

export interface Post {
  readonly id: number;
  readonly title: string;
  readonly body: string;
  /** Grows with every change of any post, so that of two copies the newer is known. */
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A post that is gone, and the change that removed it. */
export interface DeletedPost {
  readonly id: number;
  readonly version: number;
}

/** All posts, newest first, as of one change. */
export interface PostList {
  readonly version: number;
  readonly posts: readonly Post[];
}

export const contract = defineContract({
  events: {
    "post.created": event<Post>(),
    "post.updated": event<Post>(),
    "post.deleted": event<DeletedPost>(),
  },
});
