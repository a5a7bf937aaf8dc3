// Which node serves which slot, as CLUSTER SLOTS says, and where MOVED and ASK point.
import type { RedisNode } from "./redis-url.ts";

export const slotCount = 16_384;

export interface SlotRange {
  readonly first: number;
  readonly last: number;
  readonly primary: RedisNode;
}

/** @param asked the node that answered; one that does not know its own address leaves it empty */
export function readSlots(answer: unknown, asked: RedisNode): readonly SlotRange[] {
  if (!Array.isArray(answer)) return [];
  return (answer as readonly unknown[]).flatMap((range) => {
    if (!Array.isArray(range)) return [];
    const [first, last, primary] = range as readonly unknown[];
    if (typeof first !== "number" || typeof last !== "number" || !Array.isArray(primary)) return [];
    const [host, port] = primary as readonly unknown[];
    if (typeof port !== "number") return [];
    return [{ first, last, primary: { host: typeof host === "string" && host !== "" ? host : asked.host, port } }];
  });
}

/** What `MOVED 3999 127.0.0.1:6381` or `ASK …` points at, or null when it is neither. */
export function readRedirect(
  text: string,
  asked: RedisNode,
): { readonly kind: "MOVED" | "ASK"; readonly slot: number; readonly node: RedisNode } | null {
  const match = /^(MOVED|ASK) (\d+) (.*):(\d+)$/.exec(text);
  if (match === null) return null;
  const [, kind, slot, host = "", port] = match;
  return {
    kind: kind as "MOVED" | "ASK",
    slot: Number(slot),
    node: { host: host === "" ? asked.host : host, port: Number(port) },
  };
}

export function nodeName({ host, port }: RedisNode): string {
  return `${host}:${port}`;
}
