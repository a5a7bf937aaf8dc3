// The driving process: links that are on one channel and, when told, all enter it, beside one that watches its members and one that watches their
// number. `crowd.mjs URL MEMBERS WATCHED`
import { WebSocket } from "ws";

const [, , url, members, watched] = process.argv;
const count = Number(members);
const socketUrl = `${url.replace("http", "ws")}/api/ws/v1/events`;
const atOnce = 200;

/** A link that has said hello; `onMessage` gets every message. */
function open(name, streams, onMessage = () => {}) {
  const socket = new WebSocket(socketUrl, ["trunkline.v1"], { perMessageDeflate: false });
  socket.on("open", () => {
    socket.send(JSON.stringify({ type: "hello", token: name, instance: name, generation: 1, streams }));
  });
  return new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.on("message", (data) => {
      const decoded = JSON.parse(data);
      for (const message of Array.isArray(decoded) ? decoded : [decoded]) {
        if (message.type === "connected") resolve(socket);
        else onMessage(message, socket);
      }
    });
  });
}

/** `each` for 0…count − 1, some at a time. */
async function all(each) {
  let next = 0;
  const worker = async () => {
    while (next < count) await each(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

const answers = new Map();
const sockets = [];
await all(async (index) => {
  sockets[index] = await open(`member-${index}`, [{ channel: "room" }], (message, socket) => {
    if (message.type !== "presence") return;
    if (message.refused !== undefined) throw new Error(`refused: ${JSON.stringify(message.refused)}`);
    answers.get(socket)?.();
  });
});
const seen = { members: 0, count: 0, events: 0 };
const watchers = [];
if (watched === "true") {
  const watch = (kind, onEvent) =>
    open(`watcher-${kind}`, [{ channel: "room" }, { channel: `~${kind}/room`, rewind: 0 }], (message) => {
      if (message.type === "event") onEvent(message);
    });
  watchers.push(await watch("members", () => (seen.members += 1)));
  watchers.push(
    await watch("count", ({ data }) => {
      seen.count = data;
      seen.events += 1;
    }),
  );
}
const read = () => watchers.map((socket) => socket._socket.bytesRead);
const before = read();
process.send("there");
process.on("disconnect", () => process.exit(0));
async function enterAll() {
  const startedAt = performance.now();
  await all((index) => {
    const socket = sockets[index];
    const answered = new Promise((resolve) => answers.set(socket, resolve));
    const data = { name: `member ${index}`, status: "online" };
    socket.send(JSON.stringify({ type: "presence", ref: 1, enter: [{ channel: "room", data }] }));
    return answered;
  });
  const seconds = (performance.now() - startedAt) / 1000;
  const isDone = () => watchers.length === 0 || (seen.members === count && seen.count === count);
  while (!isDone()) await new Promise((resolve) => setTimeout(resolve, 20));
  const [ofMembers = 0, ofCount = 0] = read().map((bytes, index) => bytes - before[index]);
  process.send({ seconds, ofMembers, ofCount, events: seen.events });
}
process.once("message", () => void enterAll());
