// The posts API as the page calls it.
import type { DeletedPost, Post, PostList } from "../contract.ts";

/** What became of a change: made (perhaps without the others hearing of it), refused, or met by a newer one. */
export type Outcome<Result> =
  | { readonly kind: "done"; readonly result: Result; readonly notice: string | null }
  | { readonly kind: "conflict"; readonly post: Post }
  | { readonly kind: "refused"; readonly message: string };

export interface Draft {
  readonly title: string;
  readonly body: string;
}

/** Rejects when the server can't be asked. */
export async function loadPosts(): Promise<PostList> {
  const response = await fetch("/posts", { cache: "no-store" });
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return (await response.json()) as PostList;
}

export function createPost(draft: Draft): Promise<Outcome<Post>> {
  return change("POST", "/posts", draft, ({ post }) => post);
}

/** @param version of the post as its editor saw it */
export function updatePost(id: number, draft: Draft, version: number): Promise<Outcome<Post>> {
  return change("PUT", `/posts/${id}`, { ...draft, version }, ({ post }) => post);
}

export function deletePost(id: number): Promise<Outcome<DeletedPost>> {
  return change("DELETE", `/posts/${id}`, undefined, ({ deleted }) => deleted);
}

interface Answer {
  readonly post: Post;
  readonly deleted: DeletedPost;
  readonly notice?: string;
  readonly error?: { readonly message: string };
}

/** Never rejects. */
async function change<Result>(
  method: string,
  path: string,
  body: object | undefined,
  resultOf: (answer: Answer) => Result,
): Promise<Outcome<Result>> {
  try {
    const response = await fetch(path, {
      method,
      ...(body === undefined ? {} : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as Answer;
    if (response.ok) return { kind: "done", result: resultOf(answer), notice: answer.notice ?? null };
    if (response.status === 409) return { kind: "conflict", post: answer.post };
    return { kind: "refused", message: answer.error?.message ?? `the server answered ${response.status}` };
  } catch {
    return { kind: "refused", message: "the server can't be reached; nothing is known about this change" };
  }
}
