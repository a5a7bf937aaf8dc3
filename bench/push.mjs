// `npm run bench:push`: 100 events to 1000 sockets on 10 gateways over one Redis; every receipt is counted (README.md).
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
const gateways = 10;
const sockets = options.quick ? 200 : 1000;
const messages = options.quick ? 20 : 100;
const wanted = sockets * messages;

const script = (name) => fileURLToPath(new URL(`pushes/${name}.mjs`, import.meta.url));

/** Fresh processes, all gateways on one core. */
async function runOnce() {
  const redis = await startRedis();
  const started = Array.from(
    { length: gateways },
    () => new PinnedProcess(cores.measured, [script("gateway"), String(redis.port)]),
  );
  try {
    const ports = await Promise.all(started.map((gateway) => gateway.next()));
    const args = [redis.port, sockets, messages, ...ports].map(String);
    const audience = new PinnedProcess(cores.driver, [script("audience"), ...args]);
    try {
      return await audience.next(120_000);
    } finally {
      await audience.stop();
    }
  } finally {
    await Promise.all(started.map((gateway) => gateway.stop()));
    await redis.stop();
  }
}

prepare({ ...options, peers: false });
const machine = describeMachine();
const { trunkline: runs } = await alternate(options.rounds, { trunkline: "trunkline" }, runOnce, "push");
const total = (field) => runs.reduce((sum, run) => sum + run[field], 0);
const flaws = { missing: total("missing"), twice: total("twice"), outOfOrder: total("outOfOrder") };
const { rate, p50, p99 } = medians(runs);
const least = Math.min(...runs.map(({ receipts }) => receipts));
const whole = (count) => count.toLocaleString("en");
finish({
  name: "push",
  machine,
  rounds: options.rounds,
  sections: [
    {
      title: `${messages} events to ${whole(sockets)} sockets on ${gateways} gateways over one Redis`,
      note: "Lag from the call of publish to the socket, all published at once: the last of them wait for the first.",
      head: ["", "receipts", "missing", "twice", "out of order", "receipts/s", "p50 ms", "p99 ms"],
      rows: [
        [
          "trunkline",
          `${whole(least)} of ${whole(wanted)}`,
          flaws.missing,
          flaws.twice,
          flaws.outOfOrder,
          compact(rate),
          p50.toFixed(1),
          p99.toFixed(1),
        ],
      ],
    },
  ],
  targets: [
    {
      what: "receipts, in each round",
      value: `${whole(least)} of ${whole(wanted)}`,
      target: "all, once, in order",
      met: least === wanted && Object.values(flaws).every((count) => count === 0),
    },
  ],
  options,
  figures: { rate, p50, p99, least, ...flaws },
  peers: { "redis-server": redisVersion() },
});
