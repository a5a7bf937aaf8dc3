// The table and the last line.
import { isClean } from "./ledger/ledger.ts";
import { percentile } from "./percentile.ts";
import type { Outcome } from "./scenarios/scenario.ts";

const columns = [
  "scenario",
  "clients",
  "published",
  "unknown",
  "delivered",
  "gaps",
  "covered",
  "silent losses",
  "duplicates",
  "order breaks",
  "never back",
  "back p50 ms",
  "p99",
  "replay p50 ms",
  "p99",
] as const;

export interface Row {
  readonly name: string;
  readonly outcome: Outcome;
}

export function table(rows: readonly Row[]): string {
  const cells = rows.map(({ name, outcome: { account, ...rest } }) => [
    name,
    rest.clients,
    rest.published,
    rest.unknown,
    account.delivered + account.changes,
    account.gaps,
    account.covered,
    account.losses,
    account.duplicates,
    account.orderBreaks,
    rest.neverBack,
    percentile(rest.returnsMs, 0.5),
    percentile(rest.returnsMs, 0.99),
    percentile(rest.replaysMs, 0.5),
    percentile(rest.replaysMs, 0.99),
  ]);
  const lines = [columns, ...cells].map((row) => row.map(String));
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)));
  const text = lines.map(
    (line) =>
      `| ${line.map((cell, index) => (index === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[index] ?? 0))).join(" | ")} |`,
  );
  const rule = `|${widths.map((width, index) => (index === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`;
  return [text[0], rule, ...text.slice(1)].join("\n");
}

/** What of `outcome` is not as it must be, in words. */
export function missesOf({ account, neverBack, misses }: Outcome): readonly string[] {
  const faults = isClean(account)
    ? []
    : [
        `${account.losses} silent losses, ${account.duplicates} duplicates, ${account.orderBreaks} order breaks, ${account.phantoms} events that nobody published`,
        ...account.findings,
      ];
  const away = neverBack === 0 ? [] : [`${neverBack} clients never came back`];
  const nothing = account.owed === 0 ? ["nobody was owed anything: the scenario did not run"] : [];
  return [...faults, ...away, ...nothing, ...misses];
}

export function lastLine(rows: readonly Row[]): string {
  const sum = (field: "losses" | "duplicates" | "orderBreaks"): number =>
    rows.reduce((total, { outcome }) => total + outcome.account[field], 0);
  return `verify:loss: ${sum("losses")} silent losses, ${sum("duplicates")} duplicates, ${sum("orderBreaks")} order breaks (target 0, 0, 0)`;
}
