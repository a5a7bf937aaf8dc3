// The plain way with ws: encode once, then send to each. No rooms, no authentication, no history.
import { WebSocketServer } from "ws";
import { serve } from "./bench-server.mjs";

const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
const publish = (data) => {
  const text = JSON.stringify({ event: "post.created", data });
  for (const socket of server.clients) socket.send(text);
};
server.on("listening", () => serve({ port: server.address().port, publish }));
