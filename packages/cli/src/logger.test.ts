import { expect, it } from "vitest";
import { createLineLogger, type LineLoggerOptions } from "./logger.ts";

function lines(
  options: Pick<LineLoggerOptions, "level" | "format">,
  log: (logger: ReturnType<typeof createLineLogger>) => void,
): readonly string[] {
  const written: string[] = [];
  log(
    createLineLogger({
      ...options,
      write: (line) => written.push(line),
      wallTime: () => Date.UTC(2030, 0, 2, 3, 4, 5, 6),
    }),
  );
  return written;
}

it("writes JSON lines, with errors by code and message", () => {
  const [line] = lines({ level: "info", format: "json" }, (logger) =>
    logger.warn("listener failed", { error: Object.assign(new Error("no"), { code: "usage.x" }), count: 2 }),
  );
  expect(JSON.parse(line ?? "")).toEqual({
    time: "2030-01-02T03:04:05.006Z",
    level: "warn",
    message: "listener failed",
    error: "usage.x: no",
    count: 2,
  });
});

it("writes one line for a person, whatever is in the message", () => {
  expect(
    lines({ level: "debug", format: "human" }, (logger) => logger.info("one\ntwo", { path: "/a b", id: "x1" })),
  ).toEqual(['03:04:05.006 info  one two path="/a b" id=x1']);
});

it("keeps to its level, and to nothing at silent", () => {
  const all = (logger: ReturnType<typeof createLineLogger>): void => {
    for (const level of ["debug", "info", "warn", "error"] as const) logger[level](level);
  };
  expect(lines({ level: "warn", format: "human" }, all)).toHaveLength(2);
  expect(lines({ level: "silent", format: "human" }, all)).toEqual([]);
});

it("survives fields that JSON can't hold", () => {
  const cycle: Record<string, unknown> = {};
  cycle["self"] = cycle;
  expect(lines({ level: "info", format: "json" }, (logger) => logger.info("m", { cycle }))).toHaveLength(1);
});
