// Arguments: REDIS SOCKETS MESSAGES PORT…. Opens SOCKETS sockets in all, spread over the gateways, publishes MESSAGES straight to Redis, and
// tells the bench what each socket got: every receipt is counted by socket and message, on the clock of who published.
import { createPublisher } from "@trunkline/publisher";
import { WebSocket } from "ws";

const [redis, sockets, messages, ...ports] = process.argv.slice(2).map(Number);
process.on("disconnect", () => process.exit(0));

const publishedAt = new Float64Array(messages);
const delays = [];
/** How often each socket got each message. */
const receipts = Array.from({ length: sockets }, () => new Uint8Array(messages));
let outOfOrder = 0;
let lastAt = 0;

function open(socket, port) {
  const got = receipts[socket];
  let next = 0;
  const take = (message, greeted) => {
    if (message.type === "connected") return greeted();
    if (message.type === "ping") return ws.send('{"type":"pong"}');
    if (message.type !== "event") return;
    const { n } = message.data;
    lastAt = performance.now();
    delays.push(lastAt - publishedAt[n]);
    got[n] += 1;
    if (n !== next) outOfOrder += 1;
    next = n + 1;
  };
  const ws = new WebSocket(`ws://127.0.0.1:${port}/api/ws/v1/events`, "trunkline.v1", { perMessageDeflate: false });
  ws.on("open", () =>
    ws.send(JSON.stringify({ type: "hello", instance: `bench-${socket}`, token: "bench-secret-key" })),
  );
  return new Promise((resolve, reject) => {
    ws.on("error", reject);
    ws.on("message", (/** @type {Buffer} */ bytes) => {
      const decoded = JSON.parse(bytes.toString());
      for (const message of Array.isArray(decoded) ? decoded : [decoded]) take(message, resolve);
    });
  });
}

await Promise.all(receipts.map((_, socket) => open(socket, ports[socket % ports.length])));
const publisher = createPublisher({ redis: `redis://127.0.0.1:${redis}`, account: "acme" });
const channel = "account.acme";
// Its connection to Redis, which is not measured.
await publisher.publish({ event: "first", channel: "nobody" });
const startedAt = performance.now();
for (let n = 0; n < messages; n++) {
  publishedAt[n] = performance.now();
  void publisher.publish({ event: "pushed", data: { n }, channel });
}
await publisher.close();
// Whatever is still to come comes within moments of the last one; a receipt that never comes must not keep the bench.
const wanted = sockets * messages;
lastAt = performance.now();
while (delays.length < wanted && performance.now() - lastAt < 5000)
  await new Promise((resolve) => setTimeout(resolve, 20));
const endedAt = lastAt;
// One that comes twice may come late.
await new Promise((resolve) => setTimeout(resolve, 200));

const counts = receipts.flatMap((got) => [...got]);
const sorted = delays.toSorted((a, b) => a - b);
const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
process.send({
  receipts: counts.filter((count) => count > 0).length,
  missing: counts.filter((count) => count === 0).length,
  twice: counts.filter((count) => count > 1).length,
  outOfOrder,
  rate: (delays.length / (endedAt - startedAt)) * 1000,
  p50: at(0.5),
  p99: at(0.99),
});
