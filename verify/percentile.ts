/** "-" without values. */
export function percentile(values: readonly number[], share: number): number | "-" {
  const sorted = [...values].sort((one, other) => one - other);
  const value = sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)];
  return value === undefined ? "-" : Math.round(value);
}
