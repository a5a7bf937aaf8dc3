// `npm run bench:fanout`: one publish to N subscribers, the gateway beside its peers (README.md).
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { alternate } from "./lib/alternation.mjs";
import { compileLoadGenerator, runLoad } from "./lib/load-generator.mjs";
import { medians } from "./lib/median.mjs";
import { readOptions } from "./lib/options.mjs";
import { cores, PinnedProcess } from "./lib/pinned-process.mjs";
import { prepare } from "./lib/preparation.mjs";
import { describeMachine, finish } from "./lib/report.mjs";
import { compact } from "./lib/table.mjs";

const options = readOptions();
const seconds = options.quick ? 1.5 : 4;

const hello = JSON.stringify({ type: "hello", instance: "bench-{I}", token: "bench-key" });
const contenders = {
  "socket.io": {
    server: "socket-io",
    load: ["-e", "-P", "/socket.io/?EIO=4&transport=websocket", "-m", "40", "-R", "40{"],
  },
  "ws loop": { server: "ws-loop", load: [] },
  "ws coalesced": { server: "ws-coalesced", load: [] },
  trunkline: {
    server: "trunkline",
    load: ["-P", "/api/ws/v1/events", "-s", "trunkline.v1", "-m", hello, "-R", '"type":"connected"'],
  },
};

const timed = ["-W", String(seconds / 4), "-d", String(seconds)];
const scenarios = {
  saturated: {
    title: "Saturated: 1000 subscribers, 32 publishes in flight",
    measure: measureLoad(["-n", "1000", "-w", "32", ...timed]),
  },
  single: {
    title: "One publish at a time, 1000 subscribers",
    measure: measureLoad(["-n", "1000", "-w", "1", ...timed]),
  },
  steady: { title: "20 publishes/s to 5000 subscribers", measure: measureLoad(["-n", "5000", "-r", "20", ...timed]) },
  idle: { title: "Idle memory, 5000 connections", measure: measureMemory(5000) },
};

/** Delivers for a while and reads the load generator's figures. */
function measureLoad(args) {
  return async (server, place, binary, load) => {
    const run = await runLoad(
      binary,
      ["-p", place.port, "--pub-port", place.publishPort, "--pid", server.pid, ...args, ...load].map(String),
    );
    return {
      delivered: run.msgs_s,
      perFrame: run.msgs_per_frame,
      core: run.srv_cpu,
      p50: run.p50_us / 1000,
      p99: run.p99_us / 1000,
      missing: run.missing + run.gaps,
      duplicates: run.dups,
      lost: run.dead,
    };
  };
}

/** Memory per connection: after a collection, with all of them connected, less the same before the first one. */
function measureMemory(connections) {
  return async (server, place, binary, load) => {
    const before = await server.ask("memory");
    let open = true;
    const holding = runLoad(binary, ["-p", place.port, "-n", connections, "-H", 3, ...load].map(String)).finally(
      () => (open = false),
    );
    // The load generator holds its connections for 3 s, so the last answer before it ends has all of them.
    let during = before;
    while (open) {
      const now = await server.ask("memory");
      if (open) during = now;
      await sleep(400);
    }
    const run = await holding;
    const perConnection = (field) => (during[field] - before[field]) / run.conns / 1024;
    return { resident: perConnection("rss"), heap: perConnection("heapUsed"), lost: connections - run.conns };
  };
}

async function runOnce(contender, scenario, binary) {
  const script = fileURLToPath(new URL(`servers/${contender.server}.mjs`, import.meta.url));
  const server = new PinnedProcess(cores.measured, [script]);
  try {
    return await scenario.measure(server, await server.next(), binary, contender.load);
  } finally {
    await server.stop();
  }
}

prepare(options);
const binary = compileLoadGenerator();
const machine = describeMachine();
const figures = {};
for (const [key, scenario] of Object.entries(scenarios)) {
  if (options.only !== undefined && options.only !== key) continue;
  const runs = await alternate(options.rounds, contenders, (contender) => runOnce(contender, scenario, binary), key);
  figures[key] = Object.fromEntries(Object.entries(runs).map(([name, list]) => [name, summary(list)]));
}

/** Medians, but of what must not happen the sum. */
function summary(runs) {
  const total = (field) => runs.reduce((sum, run) => sum + (run[field] ?? 0), 0);
  return { ...medians(runs), missing: total("missing"), duplicates: total("duplicates"), lost: total("lost") };
}

const published = {
  saturated:
    "Measured elsewhere (README): mosquitto 107k · nchan 188k · NATS 1.24M (13× socket.io) · uWebSockets 3.50M (36×).",
  single: "Measured elsewhere: nchan 123k · bare node:net 139k · uWebSockets 203k (socket.io 86k there).",
  steady: "Measured elsewhere: uWebSockets p99 32 ms, 0.57 core (ws coalesced 41 ms, 0.78 core there).",
  idle: "Measured elsewhere: uWebSockets 1.5 KiB · bare node:net 6.1 · ws 8.3 · nchan 10.2 · socket.io 16.8 · NATS 25.7.",
};

function section(key) {
  const { title } = scenarios[key];
  const rows = Object.entries(figures[key]);
  const flaws = (f) => [
    f.missing && `${f.missing} missing`,
    f.duplicates && `${f.duplicates} twice`,
    f.lost && `${f.lost} connections lost`,
  ];
  const flawed = (f) => flaws(f).filter(Boolean).join(", ") || "none";
  if (key === "idle") {
    const head = ["server", "KiB resident", "KiB of heap", "flaws"];
    return {
      title,
      note: published[key],
      head,
      rows: rows.map(([name, f]) => [name, f.resident.toFixed(1), f.heap.toFixed(1), flawed(f)]),
    };
  }
  const base = figures[key]["socket.io"].delivered;
  const head = ["server", "delivered/s", "× socket.io", "per frame", "core", "p50 ms", "p99 ms", "flaws"];
  const cells = ([name, f]) => [
    name,
    compact(f.delivered),
    `${(f.delivered / base).toFixed(2)}×`,
    f.perFrame.toFixed(1),
    f.core.toFixed(2),
    f.p50.toFixed(1),
    f.p99.toFixed(1),
    flawed(f),
  ];
  return { title, note: published[key], head, rows: rows.map(cells) };
}

function targetsOf({ saturated, single, steady, idle }) {
  const targets = [];
  const add = (what, value, target, met) => targets.push({ what, value, target, met });
  const whole = (f) => f.missing === 0 && f.duplicates === 0 && f.lost === 0;
  if (saturated) {
    const ratio = saturated.trunkline.delivered / saturated["socket.io"].delivered;
    add("saturated", `${ratio.toFixed(1)}× socket.io`, "≥ 25× socket.io", ratio >= 25 && whole(saturated.trunkline));
  }
  if (single) {
    const ratio = single.trunkline.delivered / single["socket.io"].delivered;
    add("one at a time", `${ratio.toFixed(2)}× socket.io`, "≥ 1.5× socket.io", ratio >= 1.5 && whole(single.trunkline));
  }
  if (steady) {
    const { delivered, p99, missing, duplicates } = steady.trunkline;
    add(
      "20/s × 5000, delivered",
      `${compact(delivered)}/s, ${missing} missing, ${duplicates} twice`,
      "all of 100k/s",
      delivered >= 99_000 && whole(steady.trunkline),
    );
    // uWebSockets does not load here. 1.3 × its p99 is 1.02 × that of ws coalesced where both were measured.
    const ratio = p99 / steady["ws coalesced"].p99;
    add("20/s × 5000, p99", `${ratio.toFixed(2)}× ws coalesced`, "≤ 1.02× ws coalesced", ratio <= 1.02);
  }
  if (idle) {
    const { resident } = idle.trunkline;
    add(
      "idle memory",
      `${resident.toFixed(1)} KiB per connection`,
      "≤ 10 KiB",
      resident <= 10 && whole(idle.trunkline),
    );
  }
  return targets;
}

const sections = Object.keys(figures).map(section);
finish({ name: "fanout", machine, rounds: options.rounds, sections, targets: targetsOf(figures), options, figures });
