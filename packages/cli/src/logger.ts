import type { LogFields, Logger } from "@trunkline/core/ports";

/** From most to least said. */
export const logLevels = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LineLoggerOptions {
  readonly level: LogLevel;
  /** `human` for a terminal, `json` for a collector. */
  readonly format: "human" | "json";
  readonly write: (line: string) => void;
  /** Milliseconds since 1970. */
  readonly wallTime: () => number;
}

/** Writes one line per entry: `12:00:00.000 warn message field=value`, or a JSON object with time, level, message and the fields. */
export function createLineLogger(options: LineLoggerOptions): Logger {
  const least = logLevels.indexOf(options.level);
  const log =
    (level: Exclude<LogLevel, "silent">) =>
    (message: string, fields: LogFields = {}): void => {
      if (logLevels.indexOf(level) < least) return;
      const time = new Date(options.wallTime()).toISOString();
      options.write(
        options.format === "json" ? jsonLine(time, level, message, fields) : humanLine(time, level, message, fields),
      );
    };
  return { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
}

function jsonLine(time: string, level: string, message: string, fields: LogFields): string {
  const plain = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plainValue(value)]));
  const own = { time, level, message };
  // Twice: first for their place in the line, last so that no field takes their name.
  return textOf(Object.assign({ ...own }, plain, own));
}

function humanLine(time: string, level: string, message: string, fields: LogFields): string {
  const pairs = Object.entries(fields).map(([name, value]) => {
    const plain = plainValue(value);
    return ` ${name}=${typeof plain === "string" && /^[\w.:/@-]+$/.test(plain) ? plain : textOf(plain)}`;
  });
  // One entry is one line: a message can't forge a second one.
  return `${time.slice(11, 23)} ${level.padEnd(5)} ${message.replace(/\p{Cc}+/gu, " ")}${pairs.join("")}`;
}

/** An error by its code and message: JSON has no form for one. */
function plainValue(value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  const code = (value as { readonly code?: unknown }).code;
  return typeof code === "string" ? `${code}: ${value.message}` : value.message;
}

function textOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "undefined";
  } catch {
    return '"(not JSON)"';
  }
}
