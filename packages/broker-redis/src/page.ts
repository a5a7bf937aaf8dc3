// What the read and head scripts answer, in the words of the port.
import type { Entry, Page } from "@trunkline/core/ports";
import type { Position } from "@trunkline/core/wire";
import { tagText } from "./envelope.ts";

type HeadAnswer = readonly [birth: string, offset: number, tag: string, revision: number, mark: string];
type ReadAnswer = readonly [
  ...head: HeadAnswer,
  logFloor: number,
  logTag: string | null,
  log: readonly (readonly [id: string, fields: readonly string[]])[],
  stateFloor: number,
  stateTag: string | null,
  stateCount: number,
  packed: readonly string[],
];

/** @param epochOf the epoch of a stream by its birth */
export function readHead(value: unknown, epochOf: (birth: string) => string): Position {
  const [birth, offset, tag, revision, mark] = value as HeadAnswer;
  return {
    epoch: epochOf(birth),
    offset,
    tag: readTag(tag),
    ...(revision > 0 && { state: { revision, tag: readTag(mark) } }),
  };
}

/** @param after the offset that was asked for */
export function readPage(value: unknown, after: number, epochOf: (birth: string) => string): Page {
  const [birth, offset, tag, revision, mark, floor, logTag, log, stateFloor, stateTag, count, packed] =
    value as ReadAnswer;
  return {
    head: readHead([birth, offset, tag, revision, mark], epochOf),
    log: {
      floor,
      tagAtStart: logTag === null ? null : readTag(logTag),
      entries: log.map(readLogEntry),
      count: Math.max(0, offset - Math.max(after, floor)),
    },
    state: {
      floor: stateFloor,
      tagAtStart: stateTag === null ? null : readTag(stateTag),
      entries: packed.map(readStateEntry),
      count,
    },
  };
}

function readLogEntry([id, fields]: readonly [id: string, fields: readonly string[]]): Entry {
  const [offset = "", tag = ""] = id.split("-");
  return { line: "log", offset: Number(offset), tag: readTag(tag), time: Number(fields[1]), body: fields[3] ?? "" };
}

const packedPattern = /^(\d+) (\d+) (\d+) ([01]) /;

function readStateEntry(text: string): Entry {
  const match = packedPattern.exec(text);
  const [start = "", revision = "0", tag = "0", time = "0", deleted] = match ?? [];
  return {
    line: "state",
    offset: Number(revision),
    tag: readTag(tag),
    time: Number(time),
    body: text.slice(start.length),
    ...(deleted === "1" && { deleted: true }),
  };
}

function readTag(tag: string): string {
  return tag === "" ? "" : tagText(Number(tag));
}
