// `npm run bench:presence`: what it costs that 10,000 members enter one channel (README.md).
import { fileURLToPath } from "node:url";
import { alternate } from "./lib/alternation.mjs";
import { medians } from "./lib/median.mjs";
import { readOptions } from "./lib/options.mjs";
import { cores, PinnedProcess } from "./lib/pinned-process.mjs";
import { prepare } from "./lib/preparation.mjs";
import { describeMachine, finish } from "./lib/report.mjs";

const options = readOptions();
const members = options.quick ? 2_000 : 10_000;
const contenders = { "nobody watches": false, "one watches the members, one the count": true };

const script = (name) => fileURLToPath(new URL(`members/${name}.mjs`, import.meta.url));

async function measure(watched) {
  const gateway = new PinnedProcess(cores.measured, [script("gateway")]);
  let crowd;
  try {
    const { url } = await gateway.next();
    crowd = new PinnedProcess(cores.driver, [script("crowd"), url, String(members), String(watched)]);
    await crowd.next(120_000);
    const before = await gateway.ask("measure");
    const { seconds, ofMembers, ofCount, events } = await crowd.ask("enter");
    const after = await gateway.ask("measure");
    if (after.members !== members) throw new Error(`expected ${members} members, got ${after.members}`);
    return {
      cpu: (after.cpu - before.cpu) / members,
      memory: (after.memory - before.memory) / members,
      rate: members / seconds,
      ofMembers: ofMembers / members,
      ofCount: ofCount / members,
      events,
    };
  } finally {
    await Promise.all([gateway.stop(), crowd?.stop()]);
  }
}

prepare(options);
const machine = describeMachine();
const runs = await alternate(options.rounds, contenders, measure, "join");
const figures = Object.fromEntries(Object.entries(runs).map(([name, list]) => [name, medians(list)]));
const watching = figures["one watches the members, one the count"];
const sections = [
  {
    title: `${members} members enter one channel, 200 at a time, each over a link of its own`,
    head: [
      "",
      "CPU µs/join",
      "joins/s",
      "memory B/member",
      "wire B/join, members",
      "wire B/join, count",
      "counts told",
    ],
    rows: Object.entries(figures).map(([name, f]) => [
      name,
      f.cpu.toFixed(1),
      f.rate.toFixed(0),
      f.memory.toFixed(0),
      f.ofMembers.toFixed(0),
      f.ofCount.toFixed(2),
      f.events,
    ]),
    note: "Memory: heap and buffers of gateway and embedded broker together, after a collection, without what the link itself holds.",
  },
];
const targets = [
  { what: "join", value: `${watching.cpu.toFixed(0)} µs CPU`, target: "≤ 120 µs", met: watching.cpu <= 120 },
  {
    what: "a member, in gateway and broker",
    value: `${(watching.memory / 1024).toFixed(2)} KiB`,
    target: "≤ 3 KiB",
    met: watching.memory <= 3 * 1024,
  },
  {
    what: "a join, to who watches the members",
    value: `${watching.ofMembers.toFixed(0)} B`,
    target: "≤ 320 B",
    met: watching.ofMembers <= 320,
  },
  {
    what: "a join, to who watches the count",
    value: `${watching.ofCount.toFixed(2)} B`,
    target: "≤ 1 B",
    met: watching.ofCount <= 1,
  },
];
finish({ name: "presence", machine, rounds: options.rounds, sections, targets, options, figures, peers: {} });
