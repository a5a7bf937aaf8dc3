// The body of `POST /api/v1/publish` (PROTOCOL §8) and of every other way to publish.
import { byteLength, channelProblem, eventNameProblem, idProblem, maxMetaBytes } from "./limits.ts";

export interface PublishRequest {
  /** 1–256 bytes, not reserved. */
  readonly event: string;
  /** Any JSON value; absent means null. */
  readonly data?: unknown;
  /** @defaultValue the account's own channel, `account.<id>` */
  readonly channel?: string;
  /** State key. */
  readonly key?: string;
  /** Makes a retry idempotent within the window, per principal and stream. */
  readonly id?: string;
  /** Opaque, ≤ 1 KiB as JSON. */
  readonly meta?: unknown;
}

/** Where an accepted event went. */
export interface PublishReceipt {
  readonly stream: string;
  /** 0 for `volatile` events, which have no position. */
  readonly offset: number;
  readonly epoch: string;
}

const known = ["event", "data", "channel", "key", "id", "meta"];

/** What is wrong with a publish request, beginning with the field's name, or null. Total. */
export function publishProblem(value: unknown): string | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return `expected an object with "event" and "data", got ${value === null ? "null" : Array.isArray(value) ? "an array" : typeof value}`;
  }
  const request = value as Record<string, unknown>;
  const stranger = Object.keys(request).find((field) => !known.includes(field));
  if (stranger !== undefined) return `${stranger}: expected one of ${known.join(", ")}`;
  const checks: readonly (readonly [field: string, problem: string | null])[] = [
    ["event", eventNameProblem(request["event"])],
    ["channel", request["channel"] === undefined ? null : channelProblem(request["channel"])],
    ["key", request["key"] === undefined ? null : idProblem(request["key"])],
    ["id", request["id"] === undefined ? null : idProblem(request["id"])],
    ["meta", metaProblem(request["meta"])],
  ];
  const failed = checks.find(([, problem]) => problem !== null);
  return failed === undefined ? null : `${failed[0]}: ${failed[1]}`;
}

function metaProblem(meta: unknown): string | null {
  if (meta === undefined) return null;
  let text: string | undefined;
  try {
    text = JSON.stringify(meta);
  } catch {
    return "expected a JSON value, got one that JSON can't hold";
  }
  if (text === undefined) return `expected a JSON value, got a ${typeof meta}`;
  const bytes = byteLength(text);
  return bytes > maxMetaBytes ? `expected at most ${maxMetaBytes} bytes of JSON, got ${bytes}` : null;
}
