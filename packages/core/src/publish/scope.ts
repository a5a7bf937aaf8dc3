// What part of an account an event belongs to, as the name of its channel: `organization.1.user.2`.
import { UsageError } from "../errors.ts";

/** Names and values of a scope, in their order: `{ organization: 1, user: 2 }`. */
export type Scope = Readonly<Record<string, string | number | bigint>>;

/** A scope whose value is missing or can't be part of a channel's name: to publish without it would tell others. */
export class ScopeValueError extends UsageError {
  override readonly name = "ScopeValueError";
  /** Which part of the scope. */
  readonly scopeName: string;

  constructor(scopeName: string, message: string) {
    super("usage.bad-scope", `scope ${JSON.stringify(scopeName)}: ${message}`);
    this.scopeName = scopeName;
  }
}

/**
 * The channel of a scope; "" without one. What is no letter, digit, "_" or "-" in a value is percent-encoded, so that no value
 * can pass for another scope: `{ team: "a.b" }` is `team.a%2Eb`.
 * @throws {ScopeValueError}
 */
export function scopeKey(scope: Readonly<Record<string, unknown>>): string {
  return Object.entries(scope)
    .map(([name, value]) => `${nameOf(name)}.${valueOf(name, value)}`)
    .join(".");
}

function nameOf(name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_-]*$/.test(name)) return name;
  throw new ScopeValueError(name, 'expected a name of letters, digits, "_" and "-" that begins with a letter or "_"');
}

function valueOf(name: string, value: unknown): string {
  const text = typeof value === "number" || typeof value === "bigint" ? String(value) : value;
  if (typeof text !== "string" || text === "" || (typeof value === "number" && !Number.isFinite(value))) {
    const came = value === null ? "null" : value === "" ? "an empty text" : typeof value;
    throw new ScopeValueError(
      name,
      `expected a text or a number, got ${typeof value === "number" ? String(value) : came}; nothing was published`,
    );
  }
  try {
    return text.replace(/[^A-Za-z0-9_-]/gu, encoded);
  } catch {
    throw new ScopeValueError(name, "expected Unicode text, got half a character; nothing was published");
  }
}

function encoded(character: string): string {
  const known = encodeURIComponent(character);
  // It leaves some signs of ASCII as they are, the dot among them.
  return known === character ? `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}` : known;
}
