import type { Server } from "node:http";
import { serve } from "@hono/node-server";
import { serveStatic } from "@hono/node-server/serve-static";
import { createGateway } from "@trunkline/gateway";
import { Hono } from "hono";
import { csrf } from "hono/csrf";

const posts: { id: number; title: string }[] = [];
const gateway = createGateway({ publicKeys: [{ key: "pk_blog", channel: "account.blog" }] });

const app = new Hono().use(csrf());
app.get("/", serveStatic({ path: "examples/hono/public/index.html" }));
app.get("/trunkline.min.js", serveStatic({ root: "node_modules/trunkline/dist" }));
app.get("/posts", (c) => c.json(posts));
app.post("/posts", async (c) => {
  const { title } = (await c.req.json().catch(() => null)) ?? {};
  if (typeof title !== "string") return c.text("expected a title", 400);
  const post = { id: posts.length + 1, title };
  posts.push(post);
  await gateway.publish({ event: "post.created", data: post }, { account: "blog" });
  return c.json(post, 201);
});

const options = { fetch: app.fetch, port: Number(process.env.PORT ?? 8080), hostname: "127.0.0.1" };
const server = serve(options, ({ port }) => process.stdout.write(`http://127.0.0.1:${port}\n`));
gateway.attach(server as Server);
