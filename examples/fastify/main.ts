import { createReadStream } from "node:fs";
import { createGateway } from "@trunkline/gateway";
import fastify from "fastify";

const posts: { id: number; title: string }[] = [];
const gateway = createGateway({ publicKeys: [{ key: "pk_blog", channel: "account.blog" }] });

const app = fastify();
const [page, script] = ["examples/fastify/public/index.html", "node_modules/trunkline/dist/trunkline.min.js"] as const;
app.get("/", (_, reply) => reply.type("text/html").send(createReadStream(page)));
app.get("/trunkline.min.js", (_, reply) => reply.type("text/javascript").send(createReadStream(script)));
app.get("/posts", () => posts);
const schema = { body: { type: "object", required: ["title"], properties: { title: { type: "string" } } } };
app.post<{ Body: { title: string } }>("/posts", { schema }, async (request, reply) => {
  const post = { id: posts.length + 1, title: request.body.title };
  posts.push(post);
  await gateway.publish({ event: "post.created", data: post }, { account: "blog" });
  return reply.code(201).send(post);
});

gateway.attach(app.server);
process.stdout.write(`${await app.listen({ port: Number(process.env.PORT ?? 8080), host: "127.0.0.1" })}\n`);
