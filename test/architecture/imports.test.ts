import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { describe, expect, it } from "vitest";

// The import rules of ARCHITECTURE.md, executed over the real import graph.

const packages = join(import.meta.dirname, "../../packages");
const importPattern = /^(?:import|export)\b(?:[\w*\s{},]*\bfrom)?\s*"([^"]+)"|\bimport\("([^"]+)"\)/gm;

interface Import {
  readonly file: string;
  readonly target: string;
}

function sources(): string[] {
  return readdirSync(packages, { recursive: true, encoding: "utf8" }).filter(
    (path) => /^[^/]+\/src\/.*\.ts$/.test(path) && !path.endsWith(".test.ts"),
  );
}

/** Every import as `package/src/…` for own files and as written for the rest. */
function imports(): Import[] {
  return sources().flatMap((file) => {
    const text = readFileSync(join(packages, file), "utf8");
    return [...text.matchAll(importPattern)].map((match) => {
      const written = match[1] ?? match[2] ?? "";
      const target = written.startsWith(".")
        ? relative(packages, normalize(join(packages, dirname(file), written)))
        : written;
      return { file, target };
    });
  });
}

/** Zone → what its files may import: prefixes of own files, or module names. */
const zones: readonly (readonly [zone: string, allowed: readonly string[]])[] = [
  ["core/src/errors.ts", []],
  ["core/src/nearest.ts", []],
  ["core/src/wire/", ["core/src/wire/", "core/src/errors.ts"]],
  ["core/src/ports/", ["core/src/ports/", "core/src/wire/", "core/src/errors.ts"]],
  ["core/src/client/", ["core/src/client/", "core/src/wire/", "core/src/errors.ts", "core/src/ports/"]],
  ["core/src/plain/", ["core/src/plain/", "core/src/client/", "core/src/wire/", "core/src/errors.ts"]],
  ["core/src/events.ts", ["core/src/ports/", "core/src/errors.ts", "core/src/emitter.ts"]],
  ["core/src/emitter.ts", ["core/src/ports/", "core/src/errors.ts", "mitt"]],
  ["core/src/clock/", ["core/src/clock/", "core/src/ports/", "core/src/errors.ts"]],
  [
    "core/src/drive/",
    [
      "core/src/drive/",
      "core/src/tracing/",
      "core/src/listener/",
      "core/src/client/",
      "core/src/wire/",
      "core/src/ports/",
      "core/src/emitter.ts",
      "core/src/clock/",
      "core/src/errors.ts",
    ],
  ],
  ["core/src/event-stream/", ["core/src/event-stream/", "core/src/wire/", "core/src/ports/", "core/src/errors.ts"]],
  [
    "core/src/tracing/",
    ["core/src/tracing/", "core/src/drive/engine-hooks.ts", "core/src/wire/", "core/src/ports/", "core/src/errors.ts"],
  ],
  [
    "core/src/publish/",
    ["core/src/publish/", "core/src/wire/", "core/src/ports/", "core/src/clock/", "core/src/errors.ts"],
  ],
  [
    "core/src/modules.ts",
    [
      "core/src/client/backoff.ts",
      "core/src/drive/deferred.ts",
      "core/src/drive/line.ts",
      "core/src/drive/line-streams.ts",
    ],
  ],
  [
    "core/src/listener/",
    [
      "core/src/listener/",
      "core/src/publish/",
      "core/src/wire/",
      "core/src/ports/",
      "core/src/emitter.ts",
      "core/src/nearest.ts",
      "core/src/errors.ts",
    ],
  ],
  ["core/src/testing/", ["core/src/"]],
  ["core/src/index.ts", ["core/src/"]],
  ["core/src/engine.ts", ["core/src/drive/"]],
  [
    "transport-browser/src/",
    [
      "transport-browser/src/",
      "@trunkline/core/event-stream",
      "@trunkline/core/ports",
      "@trunkline/core/wire",
      "@trunkline/core/errors",
    ],
  ],
  [
    "transport-node/src/",
    [
      "transport-node/src/",
      "@trunkline/core/event-stream",
      "@trunkline/core/ports",
      "@trunkline/core/wire",
      "@trunkline/core/errors",
      "node:",
      "ws",
    ],
  ],
  [
    "trunkline/src/",
    [
      "trunkline/src/",
      "@trunkline/core",
      "@trunkline/core/plain",
      "@trunkline/core/wire",
      "@trunkline/core/listener",
      "@trunkline/transport-browser",
      "@trunkline/transport-node",
    ],
  ],
  ["channels/src/script-tag.ts", ["channels/src/", "trunkline"]],
  [
    "channels/src/",
    [
      "channels/src/",
      "@trunkline/core",
      "@trunkline/core/emitter",
      "@trunkline/core/errors",
      "@trunkline/core/modules",
      "@trunkline/core/ports",
      "@trunkline/core/wire",
    ],
  ],
  [
    "gateway/src/",
    [
      "gateway/src/",
      "@trunkline/core/wire",
      "@trunkline/core/ports",
      "@trunkline/core/emitter",
      "@trunkline/core/clock",
      "@trunkline/core/errors",
      "@trunkline/core/publish",
      "@trunkline/core/listener",
      "@trunkline/core/nearest",
      "node:",
      "ws",
      "eventemitter3",
      "prom-client",
      "jose",
    ],
  ],
  ["opentelemetry/src/", ["opentelemetry/src/", "@trunkline/core", "@trunkline/core/", "@opentelemetry/api"]],
  [
    "publisher/src/",
    [
      "publisher/src/",
      "@trunkline/core/wire",
      "@trunkline/core/ports",
      "@trunkline/core/errors",
      "@trunkline/core/clock",
      "@trunkline/core/publish",
      "@trunkline/broker-redis",
    ],
  ],
  [
    "broker-redis/src/",
    [
      "broker-redis/src/",
      "@trunkline/core/wire",
      "@trunkline/core/ports",
      "@trunkline/core/errors",
      "@trunkline/core/clock",
      "node:",
      "ioredis",
    ],
  ],
  [
    "testing/src/",
    [
      "testing/src/",
      "@trunkline/core",
      "@trunkline/core/",
      "@trunkline/gateway",
      "@trunkline/transport-node",
      "node:",
      "msw",
    ],
  ],
  [
    "cli/src/",
    [
      "cli/src/",
      "@trunkline/core",
      "@trunkline/core/",
      "@trunkline/gateway",
      "@trunkline/broker-redis",
      "trunkline",
      "node:",
    ],
  ],
];

function allowedBy(rule: string, target: string): boolean {
  return rule.endsWith("/") || rule.endsWith(":") ? target.startsWith(rule) : target === rule;
}

describe("the import graph", () => {
  const graph = imports();

  it("was found", () => {
    expect(sources().length).toBeGreaterThan(40);
    expect(graph.length).toBeGreaterThan(100);
  });

  it("gives every file a zone", () => {
    expect(sources().filter((file) => !zones.some(([zone]) => file.startsWith(zone)))).toEqual([]);
  });

  it("keeps every import inside its zone's rules", () => {
    const broken = graph.filter(({ file, target }) => {
      const allowed = zones.find(([zone]) => file.startsWith(zone))?.[1] ?? [];
      return !allowed.some((rule) => allowedBy(rule, target));
    });
    expect(broken).toEqual([]);
  });

  it("G-49 keeps the engine and its tracing out of the client", () => {
    const reached = new Set(["core/src/index.ts"]);
    for (const file of reached) {
      for (const { target } of graph.filter((edge) => edge.file === file)) reached.add(target);
    }
    expect(reached).toContain("core/src/drive/driver.ts");
    expect([...reached].filter((file) => /\/tracing\/|\/(engine|session-life|message-turns)/.test(file))).toEqual([]);
  });

  it("lets rings 0 and 1 see port types, never their values", () => {
    const valueImport = /^import \{(?!\s*type\b)[^}]*\} from "\.\.\/ports\//m;
    const offenders = sources().filter(
      (file) =>
        /^core\/src\/(wire|client)\//.test(file) && valueImport.test(readFileSync(join(packages, file), "utf8")),
    );
    expect(offenders).toEqual([]);
  });

  it("keeps clocks, chance, timers and promises out of the pure files", () => {
    const impure =
      /\b(Date\.|new Date|Math\.random|setTimeout|setInterval|setImmediate|queueMicrotask|Promise|async |await |console\.)/;
    const pure = /^core\/src\/(wire|client)\/|^gateway\/src\/(session|admission|verdict)\.ts$/;
    const files = sources().filter((file) => pure.test(file));
    expect(files.length).toBeGreaterThan(12);
    const stripComments = (text: string) => text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
    expect(files.filter((file) => impure.test(stripComments(readFileSync(join(packages, file), "utf8"))))).toEqual([]);
  });
});
