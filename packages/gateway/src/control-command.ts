// What gateways of one broker tell each other to do with their connections, and whom it is for. Pure.
import type { Principal } from "./auth/principal.ts";

/** Whom a command is for: the connections that match every field. At least one is needed, and `everyone` stands alone. */
export interface ConnectionFilter {
  /** Every connection of every account. */
  readonly everyone?: true;
  readonly account?: string;
  /** `id` of a user principal, in whatever account when `account` is not given. */
  readonly user?: string;
  /** `keyId` of a secret or public key. */
  readonly key?: string;
  /** The scope that the connection has, exactly. */
  readonly scope?: string;
  /** A channel that the connection is on. */
  readonly channel?: string;
  /** `id` of one connection. */
  readonly connection?: string;
}

interface Disconnect {
  readonly command: "disconnect";
  /** Unique: whoever has done it passes it over when it comes again. */
  readonly id: string;
  readonly filter: ConnectionFilter;
  readonly code: number;
  readonly reason: string;
}

interface Reauthorize {
  readonly command: "reauthorize";
  readonly id: string;
  readonly filter: ConnectionFilter;
}

export type ControlCommand = Disconnect | Reauthorize;

/** A connection as filters see it. */
export interface FilterSubject {
  readonly id: string;
  readonly principal: Principal;
  readonly scope: string | null;
  isOn(channel: string): boolean;
}

const fields = ["account", "user", "key", "scope", "channel", "connection"] as const;
/** Longest value of a field, in characters. */
const maxValue = 1024;

/** Why `filter` can't be one, or null. A field that is not known would match more than was meant, so it is refused. */
export function filterProblem(filter: unknown): string | null {
  if (typeof filter !== "object" || filter === null || Array.isArray(filter))
    return 'filter: expected an object such as { user: "42" }, got another value';
  const names = Object.keys(filter).filter((name) => filter[name as keyof typeof filter] !== undefined);
  if (names.length === 0) return "filter: expected at least one field, got none; { everyone: true } means all";
  for (const name of names) {
    const value: unknown = filter[name as keyof typeof filter];
    if (name === "everyone") {
      if (value !== true || names.length > 1) return "filter.everyone: expected true and no other field";
    } else if (!(fields as readonly string[]).includes(name)) {
      return `filter: expected everyone, ${fields.join(", ")}; got ${JSON.stringify(name.slice(0, 64))}`;
    } else if (typeof value !== "string" || value === "" || value.length > maxValue) {
      return `filter.${name}: expected 1–${maxValue} characters, got ${typeof value === "string" ? value.length : typeof value}`;
    }
  }
  return null;
}

export function matches(filter: ConnectionFilter, subject: FilterSubject): boolean {
  const { account, user, key, scope, channel, connection } = filter;
  const { principal } = subject;
  return (
    (account === undefined || principal.account === account) &&
    (user === undefined || (principal.kind === "user" && principal.id === user)) &&
    (key === undefined || ("keyId" in principal && principal.keyId === key)) &&
    (scope === undefined || subject.scope === scope) &&
    (channel === undefined || subject.isOn(channel)) &&
    (connection === undefined || subject.id === connection)
  );
}

/** Whether a close frame may carry `code`. */
export function isSendableCode(code: number): boolean {
  if (!Number.isInteger(code)) return false;
  return (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999);
}

/** What one entry of the control line says, or why it says nothing that this gateway knows. */
export function readCommand(body: string): ControlCommand | string {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return "expected JSON, got text that is none";
  }
  if (typeof value !== "object" || value === null) return "expected a command, got another value";
  const { command, id, filter, code, reason } = value as Readonly<Record<string, unknown>>;
  if (typeof id !== "string" || id === "" || id.length > 64) return "id: expected 1–64 characters, got others";
  const problem = filterProblem(filter);
  if (problem !== null) return problem;
  const known = filter as ConnectionFilter;
  if (command === "reauthorize") return { command, id, filter: known };
  if (command !== "disconnect") return "command: expected disconnect or reauthorize, got another";
  if (typeof code !== "number" || !isSendableCode(code)) return "code: expected one that a close frame may carry";
  if (typeof reason !== "string") return "reason: expected a string";
  return { command, id, filter: known, code, reason };
}
