import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import { createGateway } from "@trunkline/gateway";

const rooms = ["chat"];
const gateway = createGateway({ anonymous: { mayListen: rooms, mayPublish: rooms, mayAttend: rooms } });

const files = new Map([
  ["/", "examples/chat/public/index.html"],
  ["/channels.min.js", "node_modules/@trunkline/channels/dist/channels.min.js"],
]);
const server = createServer((request, response) => {
  const file = files.get(request.url ?? "");
  if (file) createReadStream(file).pipe(response);
  else response.writeHead(404).end("There is nothing here.");
}).listen(Number(process.env.PORT ?? 8080), "127.0.0.1");

gateway.attach(server);
server.on("listening", () => process.stdout.write(`http://127.0.0.1:${(server.address() as { port: number }).port}\n`));
