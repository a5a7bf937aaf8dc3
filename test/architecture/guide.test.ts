import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");

it("every example of the guides to tests, engines, publishing and listeners is a test that runs", () => {
  const shown = ["testing", "engine", "publishing", "listeners"].flatMap((name) => {
    const guide = readFileSync(join(root, `docs/guide/${name}.md`), "utf8");
    return [...guide.matchAll(/```ts\n(.*?)```/gs)].map(([, text]) => text);
  });
  const directory = join(root, "test/guide");
  const run = readdirSync(directory).map((name) => readFileSync(join(directory, name), "utf8"));
  expect(run.length).toBeGreaterThan(0);
  expect(shown.sort()).toEqual(run.sort());
});

describe("the guide to live updates", () => {
  const guide = readFileSync(join(root, "docs/guide/add-live-updates.md"), "utf8");
  const blocks = [...guide.matchAll(/```(?:ts|html)\n(?:\/\/|<!--) (\S+)(?: -->)?\n(.*?)```/gs)].map(
    ([, file = "", text = ""]) => ({
      file,
      lines: text.trimEnd().split("\n"),
    }),
  );

  it("shows lines of the examples, in their order, of every framework", () => {
    expect(guide.match(/^```\w/gm)).toHaveLength(blocks.length);
    for (const { file, lines } of blocks) {
      const there = readFileSync(join(root, file), "utf8").split("\n");
      const places = lines.map((line) => there.indexOf(line));
      expect(places, `${file} has: ${lines.join(" … ")}`).toEqual(
        [...places].filter((place) => place >= 0).sort((a, b) => a - b),
      );
    }
    const shown = new Set(blocks.map(({ file }) => file.split("/")[1]));
    expect([...shown].sort()).toEqual(["express", "fastify", "hono", "node-http"]);
  });

  it("needs ten lines, as it says", () => {
    const added = blocks.filter(({ file }) => file.startsWith("examples/express/"));
    expect(added.flatMap(({ lines }) => lines)).toHaveLength(10);
  });
});

it("the guide to channels shows lines of the example's page, which are ten", () => {
  const read = (path: string): string => readFileSync(join(root, path), "utf8");
  const page = read("examples/chat/public/index.html").split("\n");
  const shown = [...read("docs/guide/channels.md").matchAll(/```html\n<!-- \S+ -->\n(.*?)```/gs)].flatMap(
    ([, text = ""]) => text.trimEnd().split("\n"),
  );
  expect(shown.length).toBeGreaterThan(5);
  expect(shown.filter((line) => !page.includes(line))).toEqual([]);
  const script = page.slice(page.indexOf('<script type="module">') + 1, page.indexOf("</script>"));
  expect(script).toHaveLength(10);
});
