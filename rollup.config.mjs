// One factory: every package's exports map says which entries exist and where their bundles go.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import nodeResolve from "@rollup/plugin-node-resolve";
import terser from "@rollup/plugin-terser";

const root = fileURLToPath(new URL(".", import.meta.url));

/** Each exports target with both a source and a bundle, as `{ dist path: compiled path }`. */
function entriesOf(exportsMap) {
  const entries = {};
  const visit = (node) => {
    if (node === null || typeof node !== "object") return;
    const source = node["@trunkline/source"];
    if (typeof source === "string" && typeof node.default === "string") {
      const name = node.default.replace(/^\.\/dist\//, "").replace(/\.js$/, "");
      entries[name] = source.replace(/^\.\/src\//, "build/").replace(/\.ts$/, ".js");
      return;
    }
    for (const value of Object.values(node)) visit(value);
  };
  visit(exportsMap);
  return entries;
}

function bundlePackage(directory) {
  const manifest = JSON.parse(readFileSync(`${directory}/package.json`, "utf8"));
  const input = Object.fromEntries(
    Object.entries(entriesOf(manifest.exports)).map(([name, path]) => [name, `${directory}/${path}`]),
  );
  const external = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
  return {
    input,
    external: (id) => id.startsWith("node:") || external.some((name) => id === name || id.startsWith(`${name}/`)),
    output: {
      dir: `${directory}/dist`,
      format: "es",
      entryFileNames: "[name].js",
      chunkFileNames: "chunks/[name].js",
      hoistTransitiveImports: false,
    },
    treeshake: { moduleSideEffects: false },
  };
}

/** The script-tag bundles, each with all it needs and one global `trunkline`: the client, and the client with channels. */
const scriptTags = ["trunkline", "channels"].map((name) => ({
  input: `${root}packages/${name}/build/script-tag.js`,
  plugins: [nodeResolve({ browser: true })],
  output: {
    file: `${root}packages/${name}/dist/${name}.min.js`,
    format: "iife",
    name: "trunkline",
    plugins: [terser({ compress: { passes: 3, unsafe_arrows: true }, ecma: 2022 })],
  },
}));

/** The playground's page, and the client alone for its pages without a bundler: each in one file. */
const playgroundPages = ["app", "trunkline"].map((name) => ({
  input: `${root}playground/build/page/${name}.js`,
  plugins: [nodeResolve({ browser: true })],
  output: { file: `${root}playground/dist/page/${name}.js`, format: "es" },
}));

const packages = readdirSync(`${root}packages`)
  .map((name) => `${root}packages/${name}`)
  .filter((directory) => existsSync(`${directory}/package.json`));

export default [...packages.map(bundlePackage), ...scriptTags, ...playgroundPages];
