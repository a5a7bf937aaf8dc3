// Positions as the ids of Server-Sent Events: `epoch:offset:tag`, and `:revision:tag` of the state line. PROTOCOL §11.1.
import type { Position } from "@trunkline/core/wire";

const form = /^([^:]{1,256}):(\d{1,16}):([^:]{0,256})(?::(\d{1,16}):([^:]{0,256}))?$/;

export function eventIdOf({ epoch, offset, tag, state }: Position): string {
  const log = `${encodeURIComponent(epoch)}:${offset}:${encodeURIComponent(tag)}`;
  return state === undefined ? log : `${log}:${state.revision}:${encodeURIComponent(state.tag)}`;
}

/** The position that `id` stands for, or null when it is none of ours. */
export function positionOfEventId(id: string): Position | null {
  const parts = form.exec(id);
  if (parts === null) return null;
  const [, epoch = "", offset, tag = "", revision, stateTag = ""] = parts;
  const mark = { epoch: decoded(epoch), offset: Number(offset), tag: decoded(tag), stateTag: decoded(stateTag) };
  if (mark.epoch === null || mark.tag === null || mark.stateTag === null || !Number.isSafeInteger(mark.offset))
    return null;
  const log = { epoch: mark.epoch, offset: mark.offset, tag: mark.tag };
  if (revision === undefined) return log;
  const state = { revision: Number(revision), tag: mark.stateTag };
  return Number.isSafeInteger(state.revision) ? { ...log, state } : null;
}

function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}
