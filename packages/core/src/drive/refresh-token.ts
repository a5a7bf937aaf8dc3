// A fresh token for a connection that goes on. PROTOCOL §2.7.
import { LinkError, UsageError } from "../errors.ts";
import type { Client } from "./client.ts";
import { deferred, wait } from "./deferred.ts";
import { type Line, lineOf } from "./line.ts";

const timeoutMs = 10_000;
/** What a gateway answers that does not take the token: one of ours, or one that knows no `auth`. */
const refusals: readonly string[] = ["gateway.unauthorized", "gateway.unsupported"];
const running = new WeakMap<Line, Promise<number | null>>();

/**
 * Asks `getToken({ fresh: true })` and goes on with what it gives, on the link there is: when the user's permissions have
 * changed, or to be spared the change of links that comes before a token ends. Resolves once the gateway has taken it, with the
 * milliseconds until it ends (null: never); the connection is then on what the new token grants. Calls while one is under way
 * share its answer. A rejection may be ignored: the old token goes on, and each new link asks for a token anyway.
 * `await refreshToken(client);`
 * @throws {GatewayError} `gateway.unauthorized` when the gateway refuses it, `gateway.unsupported`; told to `error` listeners too
 * @throws {LinkError} `link.token-failed`, `link.lost` without a connection, `link.timeout` (10 s)
 * @throws {UsageError} `usage.unsupported` without `getToken`, and in the plain dialect
 */
export function refreshToken(client: Pick<Client, "on">): Promise<number | null> {
  const line = lineOf(client);
  const shared = running.get(line) ?? wait(refresh(client, line), "refreshToken", line.clock, { timeoutMs });
  running.set(line, shared);
  const forget = (): unknown => running.get(line) === shared && running.delete(line);
  shared.then(forget, forget);
  return shared;
}

async function refresh(client: Pick<Client, "on">, line: Line): Promise<number | null> {
  const { getToken } = line;
  if (!line.enveloped || !getToken)
    throw new UsageError("usage.unsupported", "refreshToken: expected a client of trunkline.v1 with getToken");
  let token: unknown;
  try {
    token = await getToken({ fresh: true });
  } catch (cause) {
    throw new LinkError("link.token-failed", "getToken failed", { cause });
  }
  if (typeof token !== "string")
    throw new LinkError("link.token-failed", `getToken: expected a string, got ${typeof token}`);
  const { promise, resolve, reject } = deferred<number | null>();
  const lost = (): void =>
    reject(new LinkError("link.lost", "refreshToken: not connected; the next link asks for a token"));
  const undos = [
    line.on("answer", (frame) => frame.type === "auth" && resolve(frame.expiresInMs ?? null)),
    line.watch((event) => event === "gone" && lost()),
    client.on("error", (error) => refusals.includes(error.code) && reject(error)),
  ];
  if (!line.send({ type: "auth", token })) lost();
  return promise.finally(() => {
    for (const undo of undos) undo();
  });
}
