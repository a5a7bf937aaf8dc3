// `npm run bench:broker`: how fast events get into Redis, and how late they are on the other side (README.md).
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { alternate } from "./lib/alternation.mjs";
import { medians } from "./lib/median.mjs";
import { readOptions } from "./lib/options.mjs";
import { cores, PinnedProcess } from "./lib/pinned-process.mjs";
import { prepare } from "./lib/preparation.mjs";
import { redisVersion, startRedis } from "./lib/redis.mjs";
import { describeMachine, finish } from "./lib/report.mjs";
import { compact } from "./lib/table.mjs";

const options = readOptions();
const total = options.quick ? 50_000 : 200_000;
const seconds = options.quick ? 3 : 10;

const contenders = ["ioredis PUBLISH", "ioredis XADD", "trunkline"];
const scenarios = {
  single: {
    title: "Appends of 128 bytes, 1000 in flight, each to a stream of its own",
    able: contenders,
    measure: (name, port) => runOnce("append", [name, port, 1000, 1000, total]),
  },
  batch: {
    title: "Appends of 128 bytes, 1000 in flight over 10 streams",
    able: contenders,
    measure: (name, port) => runOnce("append", [name, port, 10, 1000, total]),
  },
  lag: {
    title: "From publish at one gateway to a client's listener at another, 1000 events a second",
    able: ["trunkline"],
    measure: (_, port) => runOnce("lag", [port, seconds, 1000]),
  },
};

/** A fresh process beside a fresh Redis. */
async function withRedis(run) {
  const redis = await startRedis();
  try {
    return await run(redis.port);
  } finally {
    await redis.stop();
  }
}

async function runOnce(script, args) {
  const file = fileURLToPath(new URL(`brokers/${script}.mjs`, import.meta.url));
  const measured = new PinnedProcess(cores.measured, [file, ...args.map(String)]);
  try {
    return await measured.next(120_000);
  } finally {
    await measured.stop();
  }
}

prepare(options);
const machine = describeMachine();
const figures = {};
for (const [key, { able, measure }] of Object.entries(scenarios)) {
  if (options.only !== undefined && options.only !== key) continue;
  const runs = await alternate(
    options.rounds,
    Object.fromEntries(able.map((name) => [name, name])),
    (name) => withRedis((port) => measure(name, port)),
    key,
  );
  figures[key] = Object.fromEntries(Object.entries(runs).map(([name, list]) => [name, summary(list)]));
}

/** Medians, but of what must not happen the sum. */
function summary(runs) {
  return { ...medians(runs), missing: runs.reduce((sum, run) => sum + (run.missing ?? 0), 0) };
}

function section(key) {
  const { title } = scenarios[key];
  const rows = Object.entries(figures[key]);
  if (key === "lag") {
    const cells = rows.map(([name, { p50, p99, missing }]) => [name, p50.toFixed(2), p99.toFixed(2), missing]);
    return { title, head: ["", "p50 ms", "p99 ms", "missing"], rows: cells };
  }
  const cells = rows.map(([name, { rate, cpu }]) => [name, compact(rate), cpu.toFixed(2)]);
  return { title, head: ["", "per second", "CPU µs each"], rows: cells };
}

function targetsOf({ single, batch, lag }) {
  const targets = [];
  const add = (what, value, target, met) => targets.push({ what, value, target, met });
  if (single) {
    const { rate } = single.trunkline;
    add("appends, single", `${compact(rate)}/s`, "≥ 80k/s", rate >= 80_000);
  }
  if (batch) {
    const { rate } = batch.trunkline;
    add("appends, batched", `${compact(rate)}/s`, "≥ 150k/s", rate >= 150_000);
  }
  if (lag) {
    const { p50, missing } = lag.trunkline;
    add("delivery lag, p50", `${p50.toFixed(2)} ms`, "≤ 3 ms, none missing", p50 <= 3 && missing === 0);
  }
  return targets;
}

const peers = {
  ioredis: createRequire(import.meta.url)("ioredis/package.json").version,
  "redis-server": redisVersion(),
};
const sections = Object.keys(figures).map(section);
finish({
  name: "broker",
  machine,
  rounds: options.rounds,
  sections,
  targets: targetsOf(figures),
  options,
  figures,
  peers,
});
