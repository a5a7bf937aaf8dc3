// socket.io as its documentation shows it: a room, and an emit to the room.
import { createServer } from "node:http";
import { Server } from "socket.io";
import { serve } from "./bench-server.mjs";

const http = createServer();
const io = new Server(http, { serveClient: false, transports: ["websocket"] });
io.on("connection", (socket) => socket.join("bench"));
http.listen(0, "127.0.0.1", () => {
  serve({ port: http.address().port, publish: (data) => io.to("bench").emit("post.created", data) });
});
