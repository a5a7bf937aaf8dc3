// Server-Sent Events as text: blocks of lines, each ended by an empty one. PROTOCOL §11.
import type { GatewayFrame, Position, Verdict } from "@trunkline/core/wire";
import { unreachable } from "./dialect.ts";
import { eventIdOf } from "./event-id.ts";

/** A comment: keeps the line open, and means nothing. */
const comment = ":\n\n";
/** Bytes that `dataFrame` adds. */
export const dataFrameBytes = 8;

/** One frame of `trunkline.v1`. `text` must be one line. */
export function dataFrame(text: string): string {
  return `data: ${text}\n\n`;
}

/** The same JSON in one line: outside of strings, which hold none, a line break is white space. */
export function oneLine(json: string): string {
  return /[\r\n]/.test(json) ? json.replace(/[\r\n]+/g, " ") : json;
}

/** What a whole link begins with (PROTOCOL §11.3). */
export function openBlock(link: string): string {
  return eventBlock("open", JSON.stringify({ link }));
}

/** What it ends with. */
export function closeBlock(code: number, reason: string): string {
  return eventBlock("close", JSON.stringify({ code, reason }));
}

/** @param data JSON text of one line */
export function eventBlock(name: string, data: string): string {
  // Names have no control characters, unless a foreign publisher wrote them past the gateway's checks.
  return `event: ${name.replace(/[\r\n\0]/g, " ")}\ndata: ${data}\n\n`;
}

/** In front of a block: what `Last-Event-ID` will say once the reader has it. */
export function idLine(position: Position): string {
  return `id: ${eventIdOf(position)}\n`;
}

/** A message of the gateway as a plain event stream says it, or null where it has no word for it. */
export function controlBlock(frame: Exclude<GatewayFrame, { readonly type: "event" }>): string | null {
  switch (frame.type) {
    case "connected":
    case "verdict":
      return frame.streams.map(verdictBlock).join("") || null;
    case "ping":
      return comment;
    case "pong":
    case "published":
    case "reply":
    case "presence":
    case "history":
    case "auth":
    case "drain":
    case "error":
      return null;
    default:
      return unreachable(frame);
  }
}

/** PROTOCOL §11.2. */
export function verdictBlock(verdict: Verdict): string {
  switch (verdict.verdict) {
    case "fresh":
      // An id without data is kept by its reader, and dispatched to nobody.
      return `${idLine(verdict.position)}\n`;
    case "recovered":
      return comment;
    case "gap":
    case "snapshot": {
      const place = placeAfter(verdict);
      return `${place === null ? "" : idLine(place)}${eventBlock("gap", JSON.stringify(verdict))}`;
    }
    case "refused":
    case "ended":
      return "";
    default:
      return unreachable(verdict);
  }
}

/** Where a reader is that was told this, or null when that takes more to know: its old id then gets it told again, not lost. */
function placeAfter(verdict: Extract<Verdict, { readonly verdict: "gap" | "snapshot" }>): Position | null {
  if (verdict.verdict === "snapshot") return null;
  const { epoch, offset, tag } = verdict.position;
  if (verdict.snapshot === true) return { epoch, offset, tag };
  return (verdict.changes ?? 0) === 0 ? verdict.position : null;
}
