// `npm run verify:presence -- [--members N] [--lease MS]`: who is said to be there when a gateway is killed (README.md).
import { parseArgs } from "node:util";
import { measurePresence } from "./presence/measure.ts";

const { values } = parseArgs({
  options: { members: { type: "string", default: "300" }, lease: { type: "string", default: "15000" } },
});
const [members, leaseMs] = [Number(values.members), Number(values.lease)];
if (!Number.isSafeInteger(members) || members < 6 || !Number.isSafeInteger(leaseMs) || leaseMs < 1000) {
  console.error(
    `verify:presence: expected --members from 6 and --lease from 1000, got ${process.argv.slice(2).join(" ")}`,
  );
  process.exit(2);
}
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(1));

const { correctAfterMs, returned, died, misses } = await measurePresence({ members, leaseMs });
// PROTOCOL §13.5: the lease, and a third of it. What it takes to be told of that comes on top.
const boundMs = (leaseMs * 4) / 3 + 1000;
console.log(`${members} members on 3 gateways of one Redis; all links cut at once, then one gateway killed`);
console.log(`of its members ${returned} went to the other gateways, ${died} died with it`);
for (const miss of misses) console.log(`MISSED: ${miss}`);
const seconds = (ms: number): string => (ms / 1000).toFixed(1);
console.log(
  `verify:presence: ${misses.length} false moves, correct everywhere after ${seconds(correctAfterMs)} s (target 0, ≤ ${seconds(boundMs)} s)`,
);
process.exit(misses.length > 0 || correctAfterMs > boundMs ? 1 : 0);
