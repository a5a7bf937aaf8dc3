import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");

it("every example of the testing guide is a test that runs", () => {
  const guide = readFileSync(join(root, "docs/guide/testing.md"), "utf8");
  const shown = [...guide.matchAll(/```ts\n(.*?)```/gs)].map(([, text]) => text);
  const directory = join(root, "test/guide");
  const run = readdirSync(directory).map((name) => readFileSync(join(directory, name), "utf8"));
  expect(run.length).toBeGreaterThan(0);
  expect(shown.sort()).toEqual(run.sort());
});
