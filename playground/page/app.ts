// The page: the list comes over HTTP, what changes after it comes over the line.
import { createClient } from "trunkline";
import { contract } from "../contract.ts";
import { createConnectionPanel } from "./connection-panel.ts";
import { byId } from "./element.ts";
import { createEventLog } from "./event-log.ts";
import { createPostForm } from "./post-form.ts";
import { applyChange, applyList, noPosts, type PostChange, sortedPosts } from "./post-list.ts";
import { createPost, loadPosts } from "./posts-requests.ts";
import { createPostsView } from "./posts-view.ts";

const log = createEventLog(byId("log", HTMLOListElement));
const notice = byId("notice", HTMLElement);
const view = createPostsView(byId("posts", HTMLUListElement), byId("empty", HTMLElement), {
  changed: change,
  notify: (message) => {
    notice.textContent = message;
  },
});
let posts = noPosts;

function change(made: PostChange): void {
  posts = applyChange(posts, made);
  view.show(sortedPosts(posts));
}

/** Safe at any time and in any number: an older list never undoes a newer one, nor what came live. */
async function load(): Promise<void> {
  try {
    posts = applyList(posts, await loadPosts());
    notice.textContent = "";
    view.show(sortedPosts(posts));
  } catch (error) {
    notice.textContent = `The posts could not be loaded: ${error instanceof Error ? error.message : String(error)}`;
    loaded = false;
  }
}

const form = createPostForm("new", "Publish");
byId("write", HTMLElement).append(form.root);
form.onSubmit(async (draft) => {
  const outcome = await createPost(draft);
  if (outcome.kind === "refused") return form.fail(outcome.message);
  // A new post has no older version to conflict with.
  if (outcome.kind === "conflict") return;
  if (outcome.notice !== null) notice.textContent = outcome.notice;
  change({ kind: "saved", post: outcome.result });
  form.clear();
  form.focus();
});

const { publicKey } = (await (await fetch("/settings.json")).json()) as { readonly publicKey: string };
const client = createClient({ url: location.origin, publicKey, contract, autoConnect: false });
/** A list was asked for after the position in the stream was fixed, so nothing fell between the two. */
let loaded = false;

client.on("post.created", (post) => change({ kind: "saved", post }));
client.on("post.updated", (post) => change({ kind: "saved", post }));
client.on("post.deleted", (post) => change({ kind: "deleted", post }));
client.on("*", (_data, { event, channel, offset }) => {
  log.add(`${event} on ${channel}${offset === undefined ? "" : `, event ${offset}`}`);
});
client.on("resumed", ({ count, channel }) => {
  log.add(`caught up: ${count} ${count === 1 ? "event" : "events"} on ${channel}`);
});
client.on("gap", ({ channel, from, to, reason }) => {
  log.add(`gap on ${channel}: events ${from}–${to} will not come (${reason}); reloading the posts`);
  void load();
});
client.on("error", ({ message }) => log.add(`error: ${message}`));
client.on("status", (status, previous) => {
  panel.show(client.health());
  log.add(`${status}, was ${previous}`);
  if (status !== "connected" || loaded) return;
  loaded = true;
  void load();
});

const panel = createConnectionPanel();
panel.show(client.health());
setInterval(() => panel.show(client.health()), 250);
void load();
void client.connect();
