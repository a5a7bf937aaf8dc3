// Sizes both sides agree on. Bytes are UTF-8 bytes. PROTOCOL §9.

/** Longest channel name, in bytes. */
export const maxChannelBytes = 512;
/** Longest name of a stream: of a channel, or of what goes along with one, in bytes. */
export const maxStreamBytes = maxChannelBytes + 16;
/** Longest permission to listen that a client sends with a channel, in bytes. */
export const maxTokenBytes = 8192;
/** Longest event name, in bytes. */
export const maxEventNameBytes = 256;
/** Longest publish id and state key, in bytes. */
export const maxIdBytes = 256;
/** Largest `data` of a member of a channel, as JSON text, in bytes (PROTOCOL §13). */
export const maxMemberBytes = 4096;
/** Most events that a subscription begins with (PROTOCOL §5.10). */
export const maxRewind = 1000;
/** Largest `meta`, as JSON text, in bytes. */
export const maxMetaBytes = 1024;
/** Largest `hello`, in bytes. */
export const maxHelloBytes = 65_536;
/** Longest reason of a close frame, in bytes (RFC 6455 §5.5). */
export const maxCloseReasonBytes = 123;

/** Names that `client.on` keeps for itself; no event may carry them (PROTOCOL §3.6). */
export const reservedEventNames: readonly string[] = ["status", "error", "gap", "resumed", "*"];

/** UTF-8 bytes of `text`, without an encoder: the pure rings have none. */
export function byteLength(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    bytes += unit < 0x800 ? 1 : 2;
    // A surrogate pair is two units and four bytes, so its second unit adds nothing more.
    if (unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(index + 1) & 0xfc00) === 0xdc00) index++;
  }
  return bytes;
}

/** `text` cut to at most `max` UTF-8 bytes, never inside a code point. */
export function truncateBytes(text: string, max: number): string {
  let result = "";
  let bytes = 0;
  for (const point of text) {
    bytes += byteLength(point);
    if (bytes > max) break;
    result += point;
  }
  return result;
}

/** Why `name` can't name a channel, or null. `*` is for patterns only, a leading `~` for companions (see `companion`). */
export function channelProblem(name: unknown): string | null {
  const problem = nameProblem(name, maxChannelBytes, true);
  if (problem !== null) return problem;
  return (name as string).startsWith("~") ? 'expected no "~" at the beginning (it is reserved)' : null;
}

/** What goes along with a channel as a stream of its own (PROTOCOL §3.6). */
export type CompanionKind = "members" | "count" | "page";

const companionPattern = /^~(members|count|page)\/(.+)$/s;

/** Name of the stream `~KIND/NAME`: the members of a channel, their number, or what is pushed to one page. */
export function companion(kind: CompanionKind, name: string): string {
  return `~${kind}/${name}`;
}

/** What `stream` goes along with; null when it is a channel of its own. */
export function companionOf(stream: string): { readonly kind: CompanionKind; readonly name: string } | null {
  const [, kind, name] = companionPattern.exec(stream) ?? [];
  return kind === undefined || name === undefined ? null : { kind: kind as CompanionKind, name };
}

/** Why `name` can't name a stream that somebody is on, or null: a channel, or what goes along with one. */
export function streamNameProblem(name: unknown): string | null {
  return channelProblem((typeof name === "string" ? companionOf(name)?.name : undefined) ?? name);
}

/** Why `name` can't name an event, or null. */
export function eventNameProblem(name: unknown): string | null {
  const problem = nameProblem(name, maxEventNameBytes, true);
  if (problem !== null) return problem;
  return reservedEventNames.includes(name as string)
    ? `expected a name that is not reserved, got "${name as string}"`
    : null;
}

/** Why `id` can't be a publish id or state key, or null. */
export function idProblem(id: unknown): string | null {
  return nameProblem(id, maxIdBytes, false);
}

function nameProblem(name: unknown, max: number, starless: boolean): string | null {
  if (typeof name !== "string") return `expected a string, got ${name === null ? "null" : typeof name}`;
  if (name === "") return "expected a non-empty string, got an empty one";
  // Half a surrogate pair has no bytes of its own: on its way to a broker every one of them becomes the same sign.
  const index = name.search(/[\p{Cc}\p{Cs}]/u);
  if (index !== -1) return `expected no control or half characters, got one at index ${index}`;
  if (starless && name.includes("*")) return 'expected no "*" (it is for patterns)';
  const bytes = byteLength(name);
  return bytes > max ? `expected at most ${max} bytes, got ${bytes}` : null;
}
