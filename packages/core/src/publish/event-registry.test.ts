import { expect, it } from "vitest";
import { EventRegistry } from "./event-registry.ts";

it("A-14 names each event once, however often its resource is registered", () => {
  const registry = new EventRegistry();
  registry.register("post");
  registry.register("Post");
  expect(registry.names()).toEqual(["post.created", "post.updated", "post.destroyed"]);
  registry.register("Blog::Comment", ["created"]);
  expect(registry.names().slice(3)).toEqual(["blog.comment.created"]);
});
