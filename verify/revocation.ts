// `npm run verify:revocation -- [--clients N] [--rounds N]`: how soon a revocation has reached every gateway (README.md).
import { parseArgs } from "node:util";
import { percentile } from "./percentile.ts";
import { measureRevocations } from "./revocation/measure.ts";

/** Longest that a revocation may take, in milliseconds. */
const targetMs = 1000;

const { values } = parseArgs({
  options: { clients: { type: "string", default: "1000" }, rounds: { type: "string", default: "20" } },
});
const [clients, rounds] = [Number(values.clients), Number(values.rounds)];
if (!Number.isSafeInteger(clients / 2) || clients < 2 || !Number.isSafeInteger(rounds) || rounds < 1) {
  console.error(
    `verify:revocation: expected --clients an even number and --rounds from 1, got ${process.argv.slice(2).join(" ")}`,
  );
  process.exit(2);
}
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(1));

const { takenOffMs, endedMs, misses } = await measureRevocations({ clients, rounds });
console.log(`2 gateways on one Redis, ${clients} connections, half of them revoked`);
for (const [name, times] of [
  ["reauthorize", takenOffMs],
  ["disconnect", endedMs],
] as const)
  console.log(
    `${name.padEnd(12)} p50 ${percentile(times, 0.5)} ms, slowest ${percentile(times, 1)} ms, of ${times.length}`,
  );
for (const miss of misses) console.log(`MISSED: ${miss}`);
const slowest = Math.max(...takenOffMs, ...endedMs);
console.log(`verify:revocation: ${Math.round(slowest)} ms until the last connection knew (target ≤ ${targetMs} ms)`);
process.exit(misses.length > 0 || slowest > targetMs ? 1 : 0);
