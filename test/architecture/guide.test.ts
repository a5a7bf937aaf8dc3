import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");

it("every example of the guides to tests, engines and publishing is a test that runs", () => {
  const shown = ["testing", "engine", "publishing"].flatMap((name) => {
    const guide = readFileSync(join(root, `docs/guide/${name}.md`), "utf8");
    return [...guide.matchAll(/```ts\n(.*?)```/gs)].map(([, text]) => text);
  });
  const directory = join(root, "test/guide");
  const run = readdirSync(directory).map((name) => readFileSync(join(directory, name), "utf8"));
  expect(run.length).toBeGreaterThan(0);
  expect(shown.sort()).toEqual(run.sort());
});
