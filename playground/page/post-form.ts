import { element } from "./element.ts";
import type { Draft } from "./posts-requests.ts";

export interface PostForm {
  readonly root: HTMLFormElement;
  readonly actions: HTMLElement;
  /** At most one submission is on its way. */
  onSubmit(submit: (draft: Draft) => Promise<unknown>): void;
  fail(message: string): void;
  clear(): void;
  focus(): void;
}

/** A form for a post. @param name is unique in the page */
export function createPostForm(name: string, action: string, draft: Draft = { title: "", body: "" }): PostForm {
  const title = element("input", { id: `${name}-title`, required: true, maxlength: "200", autocomplete: "off" });
  const body = element("textarea", { id: `${name}-body`, maxlength: "5000", rows: "3" });
  title.value = draft.title;
  body.value = draft.body;
  const problem = element("p", { class: "problem", role: "alert" });
  const submit = element("button", { type: "submit", class: "primary" }, action);
  const actions = element("div", { class: "actions" }, submit);
  const root = element(
    "form",
    {},
    element("label", { for: title.id }, "Title"),
    title,
    element("label", { for: body.id }, "Text"),
    body,
    problem,
    actions,
  );
  return {
    root,
    actions,
    onSubmit(run) {
      root.addEventListener("submit", (event) => {
        event.preventDefault();
        if (submit.disabled) return;
        submit.disabled = true;
        problem.textContent = "";
        void run({ title: title.value, body: body.value }).finally(() => {
          submit.disabled = false;
        });
      });
    },
    fail(message) {
      problem.textContent = message;
    },
    clear() {
      root.reset();
      title.value = "";
      body.value = "";
    },
    focus: () => title.focus(),
  };
}
