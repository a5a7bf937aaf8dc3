// Arguments: CONTENDER PORT SCENARIO AMOUNT. Tells the bench what it measured.
import { contenders } from "./contenders.mjs";

const [name, port, scenario, amount] = [
  process.argv[2],
  Number(process.argv[3]),
  process.argv[4],
  Number(process.argv[5]),
];
const names = (round) => Array.from({ length: 500 }, (_, index) => `room-${round}-${index}`);

/** Joins and leaves 500 channels `amount` times. */
async function churn({ join, leave }) {
  await join(names("warm-up"));
  await leave(names("warm-up"));
  const startedAt = performance.now();
  const before = process.cpuUsage();
  for (let round = 0; round < amount; round++) {
    await join(names(round));
    await leave(names(round));
  }
  const { user, system } = process.cpuUsage(before);
  const channels = amount * 500;
  return { perSecond: (channels * 1000) / (performance.now() - startedAt), cpu: (user + system) / channels };
}

/** Comes back to 500 channels, from the loss on. */
async function resume({ join, lost, back }) {
  await join(names("resumed"));
  const away = lost();
  process.send("joined");
  await away;
  const startedAt = performance.now();
  await back(names("resumed"));
  return { ms: performance.now() - startedAt };
}

process.on("disconnect", () => process.exit(0));
const connection = await contenders[name](port);
process.send(await { churn, resume }[scenario](connection));
