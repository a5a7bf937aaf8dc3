// One post on the page: to read, or as a form while someone edits it.
import type { Post } from "../contract.ts";
import { element } from "./element.ts";
import { createPostForm } from "./post-form.ts";
import type { PostChange } from "./post-list.ts";
import { deletePost, updatePost } from "./posts-requests.ts";

export interface PostCardHost {
  /** A change that the server has made. */
  changed(change: PostChange): void;
  /** Something to read for the person at the page. */
  notify(message: string): void;
}

export interface PostCard {
  readonly item: HTMLLIElement;
  /** Shows a newer copy. A form that is open keeps what was typed. */
  update(post: Post): void;
}

export function createPostCard(first: Post, host: PostCardHost): PostCard {
  let post = first;
  let editing = false;
  const item = element("li", { class: "post" });

  const read = (): void => {
    editing = false;
    const edit = element("button", { type: "button", "aria-label": `Edit ${post.title}` }, "Edit");
    const remove = element("button", { type: "button", "aria-label": `Delete ${post.title}` }, "Delete");
    edit.addEventListener("click", () => write());
    remove.addEventListener("click", () => {
      remove.disabled = true;
      void deletePost(post.id).then((outcome) => {
        remove.disabled = false;
        if (outcome.kind === "refused") host.notify(outcome.message);
        if (outcome.kind === "done") settle(outcome.notice, { kind: "deleted", post: outcome.result });
      });
    });
    item.replaceChildren(
      element("h3", {}, post.title),
      element("p", { class: "body" }, post.body),
      element("div", { class: "actions" }, element("small", {}, whenOf(post)), edit, remove),
    );
  };

  const write = (): void => {
    editing = true;
    let seen = post.version;
    const form = createPostForm(`post-${post.id}`, "Save", post);
    const cancel = element("button", { type: "button" }, "Cancel");
    const leave = (): void => {
      read();
      item.querySelector("button")?.focus();
    };
    cancel.addEventListener("click", leave);
    form.root.addEventListener("keydown", (event) => {
      if (event.key === "Escape") leave();
    });
    form.actions.append(cancel);
    form.onSubmit(async (draft) => {
      const outcome = await updatePost(post.id, draft, seen);
      if (outcome.kind === "conflict") {
        seen = outcome.post.version;
        form.fail(`Someone saved “${outcome.post.title}” meanwhile. Save again to replace it, or cancel to keep it.`);
      } else if (outcome.kind === "refused") form.fail(outcome.message);
      else {
        settle(outcome.notice, { kind: "saved", post: outcome.result });
        leave();
      }
    });
    item.replaceChildren(form.root);
    form.focus();
  };

  const settle = (notice: string | null, change: PostChange): void => {
    if (notice !== null) host.notify(notice);
    host.changed(change);
  };

  read();
  return {
    item,
    update(newer) {
      post = newer;
      if (editing) return;
      // Whoever stands on a button of this card stays there.
      const focused = [...item.querySelectorAll("button")].indexOf(document.activeElement as HTMLButtonElement);
      read();
      if (focused !== -1) item.querySelectorAll("button")[focused]?.focus();
    },
  };
}

function whenOf({ createdAt, updatedAt }: Post): string {
  const changed = updatedAt > createdAt;
  return `${changed ? "edited" : "written"} ${new Date(changed ? updatedAt : createdAt).toLocaleString()}`;
}
