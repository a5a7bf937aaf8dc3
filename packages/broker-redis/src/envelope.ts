// What goes over pub/sub: one header of JSON, then the bodies, parted by U+001E, which no JSON text holds. So a body is
// never parsed, and nothing in it can pass for a header.
import type { Entry } from "@trunkline/core/ports";
import { eventNameProblem } from "@trunkline/core/wire";

const separator = "\u001e";

/** One message as decoded. */
export type Message =
  | { readonly kind: "event"; readonly birth: string; readonly entries: readonly Entry[] }
  | { readonly kind: "volatile"; readonly body: string; readonly time: number };

/**
 * The header of appended events is written by the append script:
 * `{"v":1,"kind":"event","src":…,"birth":…,"time":…,"at":[["log"|"state",offset,tag,1 when deleted],…]}`.
 */
export function encodeVolatile(src: string, body: string, time: number): string {
  return `${JSON.stringify({ v: 1, kind: "volatile", src, time })}${separator}${body}`;
}

/** null: not a message of this version. Total. */
export function decodeMessage(text: string): Message | null {
  const parts = text.split(separator);
  const header = parseObject(parts[0] ?? "");
  if (header === null || header["v"] !== 1) return null;
  const { kind, time, birth, at } = header;
  if (typeof time !== "number") return null;
  if (kind === "volatile") return parts.length === 2 ? { kind, body: parts[1] as string, time } : null;
  if (kind !== "event" || typeof birth !== "string" || !Array.isArray(at) || at.length !== parts.length - 1)
    return null;
  const entries: Entry[] = [];
  for (const [index, place] of (at as readonly unknown[]).entries()) {
    if (!Array.isArray(place)) return null;
    const [line, offset, tag, deleted] = place as readonly unknown[];
    if ((line !== "log" && line !== "state") || typeof offset !== "number" || typeof tag !== "number") return null;
    const body = parts[index + 1] as string;
    entries.push({ line, offset, tag: tagText(tag), time, body, ...(deleted === 1 && { deleted: true }) });
  }
  return { kind, birth, entries };
}

/** Longest text that is taken from a foreign process, in bytes. */
const maxForeignBytes = 256 * 1024;

/** The body of an event that a foreign process published, or null when it can't be one. Total. */
export function foreignBody(text: string): string | null {
  if (Buffer.byteLength(text) > maxForeignBytes) return null;
  const object = parseObject(text);
  if (object === null || !("event" in object)) return JSON.stringify({ event: "message", data: parseJson(text) });
  const { event, data = null } = object;
  return eventNameProblem(event) === null ? JSON.stringify({ event, data }) : null;
}

/** A tag as people see it; in Redis it is the decimal second half of a stream id. */
export function tagText(tag: number): string {
  return tag.toString(36);
}

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  const value = text.startsWith("{") ? parseJson(text) : text;
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
}

/** The value that `text` is the JSON of, or else `text` itself. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
