/** The middle of `values`; the mean of the two middle ones when their number is even. NaN when there are none. */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Objects of numbers → one object of medians. */
export function medians(objects) {
  const fields = Object.keys(objects[0] ?? {});
  return Object.fromEntries(fields.map((field) => [field, median(objects.map((object) => object[field]))]));
}
