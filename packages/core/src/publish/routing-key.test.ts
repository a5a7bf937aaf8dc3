import { expect, it } from "vitest";
import { resourceKey, routingKey } from "./routing-key.ts";

it("A-02 a resource's key is its name in small letters, parted by dots", () => {
  expect(resourceKey("Post")).toBe("post");
  expect(resourceKey("BlogPost")).toBe("blog_post");
  expect(resourceKey("Fake::Blog::Post")).toBe("fake.blog.post");
  expect(resourceKey("HTTPServer")).toBe("http_server");
  expect(resourceKey("Fake/Blog/Post")).toBe("fake.blog.post");
  expect(resourceKey("fake.blog.post")).toBe("fake.blog.post");
  expect(resourceKey(class BlogPost {})).toBe("blog_post");
});

it("A-02 what is no name is refused", () => {
  for (const name of ["", "::", "Blog::", "a b", "post.*", "Post\n"]) {
    expect(() => resourceKey(name)).toThrow(expect.objectContaining({ code: "usage.bad-argument" }));
  }
});

it("A-04 a routing key is scope, resource and action", () => {
  const scope = { organization: 1234 };
  expect(routingKey({ scope, resource: "Post", action: "created" })).toBe("organization.1234.post.created");
  expect(routingKey({ resource: "Post", action: "created" })).toBe("post.created");
  expect(routingKey({ scope: { organization: 1, user: 2 }, resource: "Blog::Post", action: "destroyed" })).toBe(
    "organization.1.user.2.blog.post.destroyed",
  );
});
