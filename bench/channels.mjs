// `npm run bench:channels`: what it costs to come to channels, leave them and come back to them, and to have many of them (README.md).
import { fileURLToPath } from "node:url";
import { alternate } from "./lib/alternation.mjs";
import { medians } from "./lib/median.mjs";
import { readOptions } from "./lib/options.mjs";
import { cores, PinnedProcess } from "./lib/pinned-process.mjs";
import { peerVersions, prepare } from "./lib/preparation.mjs";
import { describeMachine, finish } from "./lib/report.mjs";
import { compact } from "./lib/table.mjs";

const options = readOptions();
const rounds = options.quick ? 5 : 20;
const events = options.quick ? 100_000 : 400_000;
const script = (name) => fileURLToPath(new URL(`channels/${name}.mjs`, import.meta.url));

const wired = ["trunkline", "trunkline, one by one", "phoenix", "socket.io"];
const scenarios = {
  churn: { contenders: Object.fromEntries(wired.map((name) => [name, name])), measure: measureChurn },
  resume: { contenders: Object.fromEntries(wired.map((name) => [name, name])), measure: measureResume },
  dispatch: { contenders: { "client alone": 0, "1 channel": 1, "1,000 channels": 1_000 }, measure: measureDispatch },
};

/** A server and a client, each new. */
async function pair(contender, scenario, amount, run) {
  const server = new PinnedProcess(cores.driver, [script("server"), contender]);
  let client;
  try {
    const { port } = await server.next();
    client = new PinnedProcess(cores.measured, [script("client"), contender, String(port), scenario, String(amount)]);
    return await run(server, client);
  } finally {
    await Promise.all([server.stop(), client?.stop()]);
  }
}

function measureChurn(contender) {
  return pair(contender, "churn", rounds, async (server, client) => {
    const measured = await client.next();
    const { frames, bytes } = await server.ask("take");
    // One round more is the warm-up.
    const channels = (rounds + 1) * 500;
    return { ...measured, frames: (frames * 1000) / channels, bytes: bytes / channels };
  });
}

function measureResume(contender) {
  return pair(contender, "resume", 0, async (server, client) => {
    await client.next();
    await server.ask("cut");
    const { ms } = await client.next();
    return { ms, ...(await server.ask("take")) };
  });
}

async function measureDispatch(open) {
  const measured = new PinnedProcess(cores.measured, [script("dispatch"), String(open), String(events)]);
  try {
    return await measured.next();
  } finally {
    await measured.stop();
  }
}

prepare(options);
const machine = describeMachine();
const figures = {};
for (const [key, { contenders, measure }] of Object.entries(scenarios)) {
  if (options.only !== undefined && options.only !== key) continue;
  const runs = await alternate(options.rounds, contenders, measure, key);
  figures[key] = Object.fromEntries(Object.entries(runs).map(([name, list]) => [name, medians(list)]));
}

const sectionOf = {
  churn: (rows) => ({
    title: "500 channels opened and left, again and again, over one connection",
    head: ["client", "channels/s", "CPU µs/channel", "frames sent per 1,000", "bytes sent each"],
    rows: rows.map(([name, { perSecond, cpu, frames, bytes }]) => [
      name,
      compact(perSecond),
      cpu.toFixed(1),
      frames.toFixed(0),
      bytes.toFixed(0),
    ]),
    note: "Trunkline waits 50 ms between frames, so that a gateway with its default limits (100 messages a second) takes any churn; *one by one* has a gateway without.",
  }),
  resume: (rows) => ({
    title: "Back to 500 channels, from the loss of the connection on",
    head: ["client", "ms", "frames sent", "bytes sent"],
    rows: rows.map(([name, { ms, frames, bytes }]) => [name, ms.toFixed(1), frames, bytes]),
    note: "Trunkline says where it was on each channel, and is told what it missed; the others join anew. Phoenix has no server here but one that says ok.",
  }),
  dispatch: (rows) => ({
    title: "An event of one channel among those that are open",
    head: ["open", "CPU µs/event"],
    rows: rows.map(([name, { cpu }]) => [name, cpu.toFixed(2)]),
  }),
};

function targetsOf({ churn, resume, dispatch }) {
  const targets = [];
  const add = (what, value, target, met) => targets.push({ what, value, target, met });
  if (resume) {
    const { frames, ms } = resume.trunkline;
    const beside = ms / resume["socket.io"].ms;
    add("resume of 500 channels", `${frames} frame, ${ms.toFixed(1)} ms`, "1 frame", frames === 1);
    add("the same beside socket.io", `${beside.toFixed(2)}×`, "≤ 1×", beside <= 1);
  }
  if (churn) {
    const { perSecond, frames } = churn.trunkline;
    add("opened and left", `${compact(perSecond)} channels/s`, "≥ 1,000", perSecond >= 1_000);
    add("frames per 1,000 of them", frames.toFixed(1), "≤ 10", frames <= 10);
  }
  if (dispatch) {
    const ratio = dispatch["1,000 channels"].cpu / dispatch["1 channel"].cpu;
    add("an event, 1,000 channels beside 1", `${ratio.toFixed(2)}×`, "≤ 1.15×", ratio <= 1.15);
  }
  return targets;
}

const { phoenix, ws, ...others } = peerVersions();
const peers = { phoenix, "socket.io": others["socket.io"], "socket.io-client": others["socket.io-client"], ws };
const sections = Object.entries(figures).map(([key, rows]) => sectionOf[key](Object.entries(rows)));
finish({
  name: "channels",
  machine,
  rounds: options.rounds,
  sections,
  targets: targetsOf(figures),
  options,
  figures,
  peers,
});
