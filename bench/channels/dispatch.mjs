// Arguments: CHANNELS EVENTS. Tells the bench the CPU time per event, in µs: of one channel among so many that are open; 0: of a client without channels.
import { createChannels } from "@trunkline/channels";
import { memoryTransport } from "@trunkline/core/testing";
import { createClient } from "trunkline";

const [open, events] = [Number(process.argv[2]), Number(process.argv[3])];
const memory = memoryTransport();
const client = createClient({ url: "x", transport: memory.transport });
memory.last.accept();
const name = (index) => `room-${index}`;
const tell = (frame) => memory.last.deliver(JSON.stringify(frame));
const fresh = (channel) => ({ channel, verdict: "fresh", position: { epoch: "e", offset: 0, tag: "" } });
const streams = Array.from({ length: Math.max(1, open) }, (_, index) => fresh(name(index)));
tell({ type: "connected", connection: "x", heartbeatMs: 0, spreadMs: 0, streams });
let heard = 0;
const count = () => heard++;
if (open === 0) client.on("tick", count);
else {
  const channels = createChannels(client);
  const handles = Array.from({ length: open }, (_, index) => channels.open(name(index)));
  for (const handle of handles) handle.on("tick", count);
  await new Promise((resolve) => setImmediate(resolve));
  for (const { channel } of streams)
    tell({
      type: "verdict",
      streams: [{ channel, verdict: "recovered", position: { epoch: "e", offset: 0, tag: "" }, count: 0 }],
    });
  await Promise.all(handles.map((handle) => handle.ready()));
}
const text = (offset) =>
  `{"type":"event","channel":"room-0","event":"tick","data":{"id":${offset},"title":"Hello, world"},"offset":${offset},"tag":"t"}`;
const warmUp = Math.floor(events / 5);
let before;
for (let offset = 1; offset <= events; offset++) {
  if (offset === warmUp) before = process.cpuUsage();
  memory.last.deliver(text(offset));
}
const { user, system } = process.cpuUsage(before);
if (heard !== events) throw new Error(`expected ${events} events, got ${heard}`);
process.send({ cpu: (user + system) / (events - warmUp) });
process.on("disconnect", () => process.exit(0));
