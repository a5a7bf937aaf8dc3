// How far plain JavaScript over ws goes: one frame per tick, built once and written as it is to every socket. No rooms,
// no authentication, no history, no bound on what a slow reader holds.
import { Sender, WebSocketServer } from "ws";
import { serve } from "./bench-server.mjs";

const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
const frameOptions = { fin: true, opcode: 1, mask: false, rsv1: false, readOnly: true };
let waiting = [];
const flush = () => {
  const text = Buffer.from(`[${waiting.join(",")}]`);
  waiting = [];
  const frame = Buffer.concat(Sender.frame(text, frameOptions));
  for (const socket of server.clients) socket._socket.write(frame);
};
const publish = (data) => {
  if (waiting.length === 0) setImmediate(flush);
  waiting.push(JSON.stringify({ event: "post.created", data }));
};
server.on("listening", () => serve({ port: server.address().port, publish }));
