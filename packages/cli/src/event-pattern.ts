/**
 * Whether an event's name matches any of `patterns`; no pattern matches everything. `*` stands for any run of characters:
 * `post.*` matches `post.created`.
 */
export function eventFilter(patterns: readonly string[]): (event: string) => boolean {
  if (patterns.length === 0) return () => true;
  const expressions = patterns.map((pattern) => new RegExp(`^${pattern.split(/\*+/).map(escaped).join(".*")}$`, "su"));
  return (event) => expressions.some((expression) => expression.test(event));
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);
}
