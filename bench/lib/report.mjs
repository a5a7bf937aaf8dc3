// What a bench leaves behind: tables on stdout, results/NAME.md, one last line and an exit code.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { env, root } from "../../scripts/setup.mjs";
import { pinning } from "./pinned-process.mjs";
import { peerVersions } from "./preparation.mjs";
import { table } from "./table.mjs";

/** Where and when: call it before the first run, since it notes how busy the machine was. */
export function describeMachine() {
  const say = (command, args) => execFileSync(command, args, { cwd: root, env, encoding: "utf8" }).trim();
  const dirty = say("git", ["status", "--porcelain", "--", "packages"]) === "" ? "" : " with uncommitted changes";
  return {
    machine: `${cpus()[0]?.model.trim() ?? "unknown"}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${process.arch}`,
    node: say("node", ["--version"]),
    commit: say("git", ["rev-parse", "--short", "HEAD"]) + dirty,
    date: new Date().toISOString().slice(0, 16).replace("T", " "),
    load: loadavg()[0].toFixed(2),
    cores: pinning ? "measured and driving process each bound to one core" : "not bound to cores (no taskset)",
  };
}

/**
 * Ends a bench: prints, writes `results/NAME.md` unless `quick`, and exits 1 when a target is missed.
 * `peers` are `{ name: version }`, those of bench/package.json unless given, and none when it is empty;
 * `sections` are `{ title, head, rows, note? }`; `targets` are `{ what, value, target, met }` with the first one the headline.
 */
export function finish({ name, machine, rounds, sections, targets, options, figures, peers = peerVersions() }) {
  const verdicts = table(
    ["target", "measured", "wanted", ""],
    targets.map(({ what, value, target, met }) => [what, value, target, met ? "met" : "MISSED"]),
  );
  const body = sections
    .map(({ title, head, rows, note }) => `## ${title}\n\n${table(head, rows)}${note ? `\n\n${note}` : ""}`)
    .join("\n\n");
  const document = `# bench:${name}

${machine.machine}; Node ${machine.node}; ${machine.cores}. Commit ${machine.commit}, ${machine.date} UTC, load ${machine.load} at the start.
Medians of ${rounds} alternating rounds, a fresh process each. ${peersText(peers)}How it is measured: [README](../README.md).

${body}

## Targets

${verdicts}
`;
  const path = fileURLToPath(new URL(`../results/${name}.md`, import.meta.url));
  const whole = !options.quick && options.only === undefined;
  if (whole) writeFileSync(path, document);
  const [headline] = targets;
  const missed = targets.filter(({ met }) => !met);
  if (options.json) console.log(JSON.stringify({ name, machine, rounds, figures, targets }));
  else console.log(document);
  const rest = missed.length === 0 ? "" : `, ${missed.length} of ${targets.length} targets missed`;
  // The last line is for people and for scripts; with --json the object is the last line of stdout.
  const last = `${name}: ${headline.value} (target ${headline.target}${rest})`;
  if (options.json) console.error(last);
  else console.log(last);
  process.exit(missed.length === 0 ? 0 : 1);
}

function peersText(peers) {
  const all = Object.entries(peers).map((peer) => peer.join(" "));
  return all.length === 0 ? "" : `Peers: ${all.join(", ")}. `;
}
