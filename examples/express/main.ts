import { createGateway } from "@trunkline/gateway";
import express from "express";

const posts: { id: number; title: string }[] = [];
const gateway = createGateway({ publicKeys: [{ key: "pk_blog", channel: "account.blog" }] });

const app = express().use(express.static("examples/express/public"), express.static("node_modules/trunkline/dist"));
app.get("/posts", (_, response) => response.json(posts));
app.post("/posts", express.json(), async (request, response) => {
  const { title } = request.body ?? {};
  if (typeof title !== "string") return response.sendStatus(400);
  const post = { id: posts.length + 1, title };
  posts.push(post);
  await gateway.publish({ event: "post.created", data: post }, { account: "blog" });
  return response.status(201).json(post);
});

const server = app.listen(Number(process.env.PORT ?? 8080), "127.0.0.1");
server.on("listening", () => process.stdout.write(`http://127.0.0.1:${(server.address() as { port: number }).port}\n`));
gateway.attach(server);
