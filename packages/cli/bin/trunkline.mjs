#!/usr/bin/env node
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

// By the package's own exports, so that `node --conditions=@trunkline/source` runs the sources; else ../dist/main.js.
const entry = import.meta.resolve("@trunkline/cli");
if (existsSync(fileURLToPath(entry))) {
  const { main } = await import(entry);
  process.exitCode = await main(process.argv.slice(2));
} else {
  process.stderr.write(
    `trunkline: expected ${fileURLToPath(entry)}, which is not built yet: run \`npm run build\` first\n`,
  );
  process.exitCode = 1;
}
