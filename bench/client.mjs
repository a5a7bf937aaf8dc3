// `npm run bench:client`: what an event costs from socket to listener, and what a connected client holds (README.md).
import { fileURLToPath } from "node:url";
import { alternate } from "./lib/alternation.mjs";
import { medians } from "./lib/median.mjs";
import { readOptions } from "./lib/options.mjs";
import { cores, PinnedProcess } from "./lib/pinned-process.mjs";
import { prepare } from "./lib/preparation.mjs";
import { describeMachine, finish } from "./lib/report.mjs";

const options = readOptions();
const events = options.quick ? 100_000 : 400_000;
const clients = 1_000;

/** Contender → its file in clients/, which is also its dialect in clients/feeder.mjs. */
const contenders = {
  "raw ws": "raw",
  phoenix: "phoenix",
  "graphql-ws": "graphql-ws",
  "socket.io-client": "socket.io",
  centrifuge: "centrifuge",
  trunkline: "trunkline",
  "trunkline, instrumented without a provider": "trunkline-instrumented",
};
const scenarios = {
  single: { title: "Receive: one 105-byte event per frame", measure: measureReceive(1) },
  // The others have no frame of several events.
  batch: {
    title: "Receive: 10 such events per frame",
    measure: measureReceive(10),
    only: ["raw ws", "centrifuge", "trunkline", "trunkline, instrumented without a provider"],
  },
  heap: { title: `Heap per connected client, ${clients} in one process`, measure: measureHeap },
};

function measureReceive(batch) {
  return (client) => runPair(client, events, batch, "receive", events);
}

function measureHeap(client) {
  return runPair(client, 0, 1, "heap", clients);
}

/** One feeder and one client process, each new. */
async function runPair(client, fed, batch, measurement, amount) {
  const script = (name) => fileURLToPath(new URL(`clients/${name}.mjs`, import.meta.url));
  const feeder = new PinnedProcess(cores.driver, [script("feeder"), client, String(fed), String(batch)]);
  let measured;
  try {
    const { port } = await feeder.next();
    measured = new PinnedProcess(cores.measured, [script(measurement), client, String(port), String(amount)]);
    return await measured.next();
  } finally {
    await Promise.all([feeder.stop(), measured?.stop()]);
  }
}

prepare(options);
const machine = describeMachine();
const figures = {};
for (const [key, { measure, only }] of Object.entries(scenarios)) {
  if (options.only !== undefined && options.only !== key) continue;
  const able = Object.fromEntries(Object.entries(contenders).filter(([name]) => only?.includes(name) ?? true));
  const runs = await alternate(options.rounds, able, measure, key);
  figures[key] = Object.fromEntries(Object.entries(runs).map(([name, list]) => [name, summary(list)]));
}

/** Medians, but of what must not happen the sum. */
function summary(runs) {
  return { ...medians(runs), unordered: runs.reduce((sum, run) => sum + (run.unordered ?? 0), 0) };
}

const published = {
  single:
    "Measured elsewhere, Node 20: phoenix 1.08 · partysocket 1.15 · graphql-ws 1.5 · socket.io 2.2 · centrifuge 2.8.",
  heap: "Measured elsewhere, in all: raw ws 3.2 KiB · partysocket 5.3 · phoenix 8.5 · centrifuge 8.8 · socket.io 11.9 · Node's global WebSocket 35.",
};

function section(key) {
  const { title } = scenarios[key];
  const rows = Object.entries(figures[key]);
  const note = published[key];
  if (key === "heap") {
    const base = figures.heap["raw ws"].heap;
    const cells = rows.map(([name, { heap }]) => [name, heap.toFixed(1), (heap - base).toFixed(1)]);
    return { title, note, head: ["client", "KiB", "over raw ws"], rows: cells };
  }
  // Batches are compared with raw ws receiving one event per frame, which is what they are there to beat.
  const base = (figures.single ?? figures[key])["raw ws"].cpu;
  const cells = rows.map(([name, f]) => [
    name,
    f.cpu.toFixed(2),
    f.user.toFixed(2),
    (f.cpu / base).toFixed(2),
    f.unordered,
  ]);
  return { title, note, head: ["client", "CPU µs/event", "of it user", "÷ raw ws", "out of order"], rows: cells };
}

function targetsOf({ single, batch, heap }) {
  const targets = [];
  const add = (what, value, target, met) => targets.push({ what, value, target, met });
  if (single) {
    const ratio = single.trunkline.cpu / single["raw ws"].cpu;
    add(
      "receive, one per frame",
      `${ratio.toFixed(2)}× raw ws`,
      "≤ 1.15× raw ws",
      ratio <= 1.15 && single.trunkline.unordered === 0,
    );
  }
  if (single && batch) {
    const ratio = batch.trunkline.cpu / single["raw ws"].cpu;
    add(
      "receive, 10 per frame",
      `${ratio.toFixed(2)}× raw ws, one per frame`,
      "≤ 0.70×",
      ratio <= 0.7 && batch.trunkline.unordered === 0,
    );
  }
  if (heap) {
    const over = heap.trunkline.heap - heap["raw ws"].heap;
    add("heap per client", `${over.toFixed(1)} KiB over raw ws`, "≤ 6 KiB", over <= 6);
  }
  return targets;
}

const sections = Object.keys(figures).map(section);
finish({ name: "client", machine, rounds: options.rounds, sections, targets: targetsOf(figures), options, figures });
