// Argument: CONTENDER. The server of one contender behind a counting proxy; tells the bench its port, answers "take", and cuts at "cut".
import { createServer } from "node:http";
import { createGateway } from "@trunkline/gateway";
import { Server } from "socket.io";
import { WebSocketServer } from "ws";
import { startCountingProxy } from "../lib/counting-proxy.mjs";

const listening = (server) =>
  new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));

async function startGateway(limits) {
  const gateway = createGateway({
    secretKeys: [{ key: "bench-key", account: "bench" }],
    authorize: () => true,
    limits,
  });
  return Number(new URL((await gateway.listen({ port: 0, host: "127.0.0.1" })).url).port);
}

const servers = {
  trunkline: () => startGateway({}),
  // A thousand frames at once are more than a gateway takes from one client.
  "trunkline, one by one": () => startGateway({ messagesPerSecond: 1e6, messageBurst: 1e6 }),
  // What Phoenix answers to each join and leave.
  phoenix: async () => {
    const http = createServer();
    new WebSocketServer({ server: http }).on("connection", (socket) =>
      socket.on("message", (text) => {
        const [joinRef, ref, topic] = JSON.parse(text);
        socket.send(JSON.stringify([joinRef, ref, topic, "phx_reply", { status: "ok", response: {} }]));
      }),
    );
    return listening(http);
  },
  // Rooms, as its documentation shows them: the client asks, the server joins and acknowledges.
  "socket.io": async () => {
    const http = createServer();
    new Server(http, { serveClient: false, transports: ["websocket"] }).on("connection", (socket) => {
      socket.on("join", (room, done) => {
        void socket.join(room);
        done();
      });
      socket.on("leave", (room, done) => {
        void socket.leave(room);
        done();
      });
    });
    return listening(http);
  },
};

const proxy = await startCountingProxy(await servers[process.argv[2]]());
process.on("message", (message) => {
  if (message === "cut") proxy.cut();
  process.send(proxy.take());
});
process.on("disconnect", () => process.exit(0));
process.send({ port: proxy.port });
