import { createReadStream } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { json } from "node:stream/consumers";
import { createGateway } from "@trunkline/gateway";

const posts: { id: number; title: string }[] = [];
const gateway = createGateway({ publicKeys: [{ key: "pk_blog", channel: "account.blog" }] });

async function add(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { title } = (await json(request)) as { title: unknown };
  const post = { id: posts.length + 1, title: String(title) };
  posts.push(post);
  await gateway.publish({ event: "post.created", data: post }, { account: "blog" });
  response.writeHead(201).end(JSON.stringify(post));
}
const server = createServer((request, response) => {
  const route = [request.method, request.url, request.headers["content-type"]].join(" ").trim();
  if (route === "GET /") createReadStream("examples/node-http/public/index.html").pipe(response);
  else if (route === "GET /trunkline.min.js")
    createReadStream("node_modules/trunkline/dist/trunkline.min.js").pipe(response);
  else if (route === "GET /posts") response.end(JSON.stringify(posts));
  else if (route === "POST /posts application/json") add(request, response).catch(() => response.writeHead(400).end());
  else response.writeHead(404).end("There is nothing here.");
}).listen(Number(process.env.PORT ?? 8080), "127.0.0.1");

gateway.attach(server);
server.on("listening", () => process.stdout.write(`http://127.0.0.1:${(server.address() as { port: number }).port}\n`));
