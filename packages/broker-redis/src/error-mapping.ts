// What Redis answers, in the words of the port. Nothing of a command goes along: it may hold a password.
import { GatewayError } from "@trunkline/core/errors";

/** The connection ended while a command was under way: it may have been executed or not. */
export class LostError extends Error {
  override readonly name = "LostError";
}

/** Redis answered a command with an error: it was not executed. */
export class AnswerError extends Error {
  override readonly name = "AnswerError";
  /** First word of the answer, such as "READONLY". */
  readonly word: string;

  constructor(text: string) {
    super(text);
    this.word = /^[A-Z]+/.exec(text)?.[0] ?? "";
  }
}

const meanings: Readonly<Record<string, string>> = {
  WRONGPASS: "Redis refused the user name or password: correct them",
  NOAUTH: "Redis asks for a password: give one",
  NOPERM:
    "the Redis user lacks a permission: it needs the keys and channels of the prefix, and the commands listed in the package's README",
  READONLY: "this Redis is a read-only replica: give its primary, or the Sentinels that know it",
  LOADING: "Redis is loading its data: it will be ready by itself",
  OOM: "Redis is full (maxmemory): nothing was stored; give it more memory, or keep less history",
  MISCONF: "Redis can't save to its disk and takes no writes: see its log",
  NOREPLICAS: "Redis has too few replicas in reach and takes no writes",
  MASTERDOWN: "this Redis is a replica that lost its primary",
  CLUSTERDOWN: "the Redis Cluster does not serve all its slots just now",
  TRYAGAIN: "the Redis Cluster is moving this stream",
  BUSY: "Redis is busy with another script",
  WRONGTYPE: "a key under this prefix holds something else: use another prefix",
  NOREPLICA: "this Redis has no primary",
  MOVED: "this Redis is part of a Cluster: give its nodes, as in redis://host:port,host:port",
};

/** `unavailable`: nothing was stored. */
export function unavailable(what: string, cause?: unknown): GatewayError {
  return new GatewayError("gateway.unavailable", `Redis can't be used just now: ${what}`, { cause });
}

export function outcomeUnknown(what: string): GatewayError {
  return new GatewayError("gateway.outcome-unknown", `${what}; repeat it with the same id to be safe from doubles`);
}

/** What went wrong, for a log line or an error message. */
export function explain(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const meaning = meanings[/^[A-Z]+/.exec(text)?.[0] ?? ""];
  return meaning ?? text;
}

/** Any failure of a call as the port's error. */
export function asPortError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  if (error instanceof LostError) return unavailable("the connection was lost before the answer came", error);
  return unavailable(explain(error), error instanceof Error ? new Error(error.message) : undefined);
}
