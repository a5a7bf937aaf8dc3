// Channels with their positions as fields of a Redis hash, and back.
import type { Registered } from "@trunkline/core/ports";
import type { Position } from "@trunkline/core/wire";

/** A sign in front keeps names apart from the fields that are no channels. */
export function channelField(channel: string): string {
  return `:${channel}`;
}

/** JSON `[epoch, offset, tag]`, with `revision, tag` of the state line behind it; "" for none. */
export function positionText(position: Position | null): string {
  if (position === null) return "";
  const { epoch, offset, tag, state } = position;
  return JSON.stringify(state === undefined ? [epoch, offset, tag] : [epoch, offset, tag, state.revision, state.tag]);
}

/**
 * @param answer of HGETALL: fields and values in turn
 * @returns in the order of adding; null when nothing is there, undefined when something else is there
 */
export function readRegistered(answer: unknown): readonly Registered[] | null | undefined {
  if (!Array.isArray(answer)) return undefined;
  if (answer.length === 0) return null;
  const found: { readonly order: number; readonly registered: Registered }[] = [];
  for (let index = 0; index < answer.length; index += 2) {
    const [field, value] = [answer[index], answer[index + 1]] as readonly unknown[];
    if (typeof field !== "string" || typeof value !== "string") return undefined;
    if (!field.startsWith(":")) continue;
    const gap = value.indexOf(" ");
    const position = readPosition(value.slice(gap + 1));
    if (gap === -1 || position === undefined) return undefined;
    found.push({ order: Number(value.slice(0, gap)), registered: { channel: field.slice(1), position } });
  }
  return found.sort((one, other) => one.order - other.order).map(({ registered }) => registered);
}

function readPosition(text: string): Position | null | undefined {
  if (text === "") return null;
  try {
    const [epoch, offset, tag, revision, stateTag] = JSON.parse(text) as [string, number, string, number?, string?];
    const position = { epoch, offset, tag };
    return revision === undefined ? position : { ...position, state: { revision, tag: stateTag ?? "" } };
  } catch {
    return undefined;
  }
}
