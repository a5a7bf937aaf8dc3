import { createServer, request as httpRequest, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createPostsApi, type PostEvent } from "./posts-api.ts";
import { openPostsStore, type PostsStore } from "./posts-store.ts";

let store: PostsStore;
let server: Server;
let base: string;
let published: (readonly [PostEvent, unknown])[];
let reachable: boolean;
let errors: string[];

beforeEach(async () => {
  store = openPostsStore(":memory:");
  [published, reachable, errors] = [[], true, []];
  const api = createPostsApi({
    store,
    publish: async (event, data) => {
      if (!reachable) throw new Error("no gateway");
      published.push([event, data]);
    },
    onError: (message) => errors.push(message),
  });
  server = createServer((request, response) => {
    if (!api(request, response)) response.writeHead(418).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  store.close();
});

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}
async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const response = await fetch(`${base}${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === "" ? null : JSON.parse(text) };
}

it("stores, changes and removes a post, and tells each change once it is stored", async () => {
  const created = await call("POST", "/posts", { title: "  Hello ", body: "world" });
  expect(created).toMatchObject({
    status: 201,
    body: { published: true, post: { id: 1, title: "Hello", body: "world" } },
  });
  expect(created.headers.get("location")).toBe("/posts/1");
  expect(await call("GET", "/posts/1")).toMatchObject({ status: 200, body: { title: "Hello" } });
  expect(await call("PUT", "/posts/1", { title: "Hi" })).toMatchObject({
    status: 200,
    body: { post: { title: "Hi", body: "" } },
  });
  expect(await call("GET", "/posts")).toMatchObject({ status: 200, body: { posts: [{ id: 1, title: "Hi" }] } });
  expect(await call("DELETE", "/posts/1")).toMatchObject({
    status: 200,
    body: { deleted: { id: 1 }, published: true },
  });
  expect(published.map(([event]) => event)).toEqual(["post.created", "post.updated", "post.deleted"]);
  const versions = published.map(([, data]) => (data as { readonly version: number }).version);
  expect(versions).toEqual([...versions].sort((a, b) => a - b));
});

it("says that a change was stored when it could not be published", async () => {
  reachable = false;
  const created = await call("POST", "/posts", { title: "kept" });
  expect(created).toMatchObject({ status: 201, body: { published: false, notice: expect.stringContaining("stored") } });
  expect(store.list().posts).toHaveLength(1);
  expect(errors).toEqual(["post.created was stored but not published"]);
});

it("refuses a change by someone who saw an older version, and shows the newer one", async () => {
  const { id, version } = store.create({ title: "a", body: "" });
  store.update(id, { title: "b", body: "" });
  expect(await call("PUT", `/posts/${id}`, { title: "c", version })).toMatchObject({
    status: 409,
    body: { error: { code: "conflict" }, post: { title: "b" } },
  });
  expect(published).toEqual([]);
});

it.each([
  ["not json", "body: expected JSON"],
  [[], "body: expected an object"],
  [{}, "title: expected a string, got undefined"],
  [{ title: 7 }, "title: expected a string, got number"],
  [{ title: "   " }, "title: expected 1–200 characters, got 0"],
  [{ title: "x".repeat(201) }, "title: expected 1–200 characters, got 201"],
  [{ title: "a", body: null }, "body: expected a string, got null"],
  [{ title: "a", body: "x".repeat(5001) }, "body: expected at most 5000 characters, got 5001"],
  [{ title: "a", version: "1" }, "version: expected an integer"],
  [{ title: "a", autor: "b" }, "autor: expected only title, body and version"],
])("answers 400 to %j, naming the field", async (body, message) => {
  expect(await call("POST", "/posts", body)).toMatchObject({
    status: 400,
    body: { error: { message: expect.stringContaining(message) } },
  });
  expect(store.list().posts).toEqual([]);
});

it("takes a title of 200 and a body of 5,000 characters", async () => {
  expect(await call("POST", "/posts", { title: "x".repeat(200), body: "y".repeat(5000) })).toMatchObject({
    status: 201,
  });
});

it.each([
  ["GET", "/posts/1"],
  ["GET", "/posts/one"],
  ["GET", "/posts/"],
  ["DELETE", "/posts/1"],
])("answers 404 to %s %s", async (method, path) => {
  expect(await call(method, path)).toMatchObject({ status: 404, body: { error: { code: "not-found" } } });
});

it.each([
  ["PATCH", "/posts", "GET, POST"],
  ["POST", "/posts/1", "GET, PUT, DELETE"],
])("answers 405 to %s %s", async (method, path, allowed) => {
  const answer = await call(method, path, {});
  expect(answer.status).toBe(405);
  expect(answer.headers.get("allow")).toBe(allowed);
});

it("answers 413 to more than 64 KiB", async () => {
  expect(await call("POST", "/posts", { title: "a", body: "x".repeat(64 * 1024) })).toMatchObject({ status: 413 });
});

it("takes writes from its own pages and from programs, not from pages of others", async () => {
  expect(await call("POST", "/posts", { title: "own" }, { Origin: base })).toMatchObject({ status: 201 });
  for (const origin of ["https://evil.example", "null"]) {
    expect(await call("POST", "/posts", { title: "foreign" }, { Origin: origin })).toMatchObject({ status: 403 });
    expect(await call("PUT", "/posts/1", { title: "foreign" }, { Origin: origin })).toMatchObject({ status: 403 });
    expect(await call("DELETE", "/posts/1", undefined, { Origin: origin })).toMatchObject({ status: 403 });
  }
  expect(await call("POST", "/posts", '{"title":"a form"}', { "Content-Type": "text/plain" })).toMatchObject({
    status: 415,
  });
  expect(store.list().posts.map(({ title }) => title)).toEqual(["own"]);
});

it("lets paths of others pass", async () => {
  expect((await call("GET", "/postscript")).status).toBe(418);
});

it("goes on when a client leaves in the middle of its request", async () => {
  await new Promise<void>((resolve) => {
    const request = httpRequest(`${base}/posts`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "Content-Length": "100" },
    });
    request.on("error", () => resolve());
    request.write('{"title":');
    server.once("request", () => request.destroy());
  });
  expect(await call("POST", "/posts", { title: "still here" })).toMatchObject({ status: 201 });
});
