// One connection to one Redis process, from a finished greeting to its end. It is never reused for another process, so
// what is known of the process (its run id) holds for every command of the connection.
import { Command, Redis, type RedisOptions } from "ioredis";
import { AnswerError, LostError } from "./error-mapping.ts";
import type { RedisNode, RedisPlace } from "./redis-url.ts";
import type { Script } from "./scripts/script.ts";

/** Milliseconds without an answer after which a connection is taken for dead. */
const silenceMs = 10_000;
const connectTimeoutMs = 5000;

/** What Redis said of itself. */
interface ServerInfo {
  readonly runId: string;
  readonly role: string;
  readonly loading: boolean;
  /** Keys may be thrown out before their time. */
  readonly evicts: boolean;
}

/** What a script is called with: the number of its keys, the keys, its arguments. */
type ScriptInput = readonly (string | number)[];

export interface Connection {
  readonly info: ServerInfo;
  /** Redis's number for it, or null when this user may not ask. */
  readonly id: number | null;
  readonly open: boolean;
  /**
   * Sends a command at the end of this turn, together with all others of the turn.
   * @throws {AnswerError} Redis answered an error
   * @throws {LostError} the connection ended before the answer
   */
  call(command: string, args: readonly (string | number)[]): Promise<unknown>;
  /** Sends a command that changes the connection itself, such as SUBSCRIBE, now. Throws as `call` does. */
  control(command: string, args: readonly (string | number)[]): Promise<unknown>;
  /** Runs a script, sending its text only when Redis does not know it. Throws as `call` does. */
  run(script: Script, input: ScriptInput): Promise<unknown>;
  /** As `call`, to a node that is taking over the slot concerned. */
  callAsking(command: string, args: readonly (string | number)[]): Promise<unknown>;
  /** As `run`, to a node that is taking over the slot of the keys. */
  runAsking(script: Script, input: ScriptInput): Promise<unknown>;
  onMessage(listener: (channel: string, text: string) => void): void;
  /** What was subscribed by PSUBSCRIBE. Redis says a message first by its channel, then once for each pattern that matches it. */
  onPatternMessage(listener: (pattern: string, channel: string, text: string) => void): void;
  /** The Cluster took a channel away from this node. */
  onMoved(listener: () => void): void;
  /** At once when it has ended already. */
  onEnd(listener: () => void): void;
  end(): void;
}

/** Connects and asks Redis who it is. Rejects with what Redis or the network said. */
export async function dial(place: RedisPlace, node: RedisNode | null): Promise<Connection> {
  const redis = new Redis(optionsOf(place, node));
  let last: Error | null = null;
  redis.on("error", (error: Error) => (last = error));
  try {
    await redis.connect();
    const [info, id] = await Promise.all([redis.info(), redis.client("ID").catch(() => null)]);
    return new RedisConnection(redis, parseInfo(info), id);
  } catch (error) {
    redis.disconnect();
    // ioredis rejects with "Connection is closed."; the cause comes as an event. Its `command` holds the password.
    throw new Error(((last ?? error) as Error).message);
  }
}

function optionsOf(place: RedisPlace, node: RedisNode | null): RedisOptions {
  const { username, password, sentinelPassword, tls } = place;
  const common: RedisOptions = {
    lazyConnect: true,
    // A connection that is lost stays lost: nothing is sent twice, nothing is sent to a process that was not asked who it is.
    retryStrategy: null,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    connectTimeout: connectTimeoutMs,
    socketTimeout: silenceMs,
    connectionName: "trunkline",
    disableClientInfo: true,
    // RESP3 would change nothing for these commands, and a server that refuses part of its greeting confuses the client.
    protocol: 2,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls !== null && { tls }),
  };
  if (place.kind === "sentinel") {
    return {
      ...common,
      db: place.db,
      sentinels: [...place.sentinels],
      name: place.name,
      sentinelRetryStrategy: () => null,
      sentinelCommandTimeout: connectTimeoutMs,
      ...(sentinelPassword !== undefined && { sentinelPassword }),
      ...(tls !== null && { sentinelTLS: tls, enableTLSForSentinelMode: true }),
    };
  }
  const { host, port } = node ?? (place.kind === "single" ? place.node : { host: "localhost", port: 6379 });
  return { ...common, host, port, ...(place.kind === "single" && { db: place.db }) };
}

/** Reads the answer to INFO. */
export function parseInfo(text: string): ServerInfo {
  const fields = new Map(text.split("\r\n").map((line) => line.split(":", 2) as [string, string]));
  const policy = fields.get("maxmemory_policy") ?? "noeviction";
  return {
    runId: fields.get("run_id") ?? "",
    role: fields.get("role") ?? "master",
    loading: fields.get("loading") === "1",
    evicts: fields.get("maxmemory") !== "0" && policy !== "noeviction",
  };
}

/** Where ioredis writes commands to that are sent together. */
type PipelineStream = Extract<Parameters<Redis["sendCommand"]>[1], { readonly isPipeline: true }>;

/** Characters that are sent before the turn ends. */
const maxUnsent = 1024 * 1024;

class RedisConnection implements Connection {
  readonly info: ServerInfo;
  readonly id: number | null;
  readonly #redis: Redis;
  readonly #outbox: PipelineStream;
  #unsent = "";
  #ended = false;
  readonly #onEnd: (() => void)[] = [];

  constructor(redis: Redis, info: ServerInfo, id: number | null) {
    this.#redis = redis;
    this.#outbox = this.#outboxOf(redis);
    this.info = info;
    this.id = id;
    redis.on("end", () => this.#end());
    if (redis.status !== "ready") this.#end();
  }

  get open(): boolean {
    // A socket stops taking writes a while before its end is told.
    return !this.#ended && this.#redis.status === "ready" && this.#redis.stream.writable;
  }

  call(command: string, args: readonly (string | number)[]): Promise<unknown> {
    return new Promise((resolve, reject) => this.#send(command, [...args], resolve, reject));
  }

  async control(command: string, args: readonly (string | number)[]): Promise<unknown> {
    if (!this.open) throw new LostError("the connection has ended");
    // Answers come in the order of the commands, so these must not overtake.
    this.#flush();
    try {
      return await this.#redis.call(command, ...args);
    } catch (error) {
      throw failureOf(error);
    }
  }

  run(script: Script, input: ScriptInput): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#send("evalsha", [script.sha, ...input], resolve, (error) => {
        if (!(error instanceof AnswerError) || error.word !== "NOSCRIPT") return reject(error);
        this.#send("eval", [script.text, ...input], resolve, reject);
      });
    });
  }

  async callAsking(command: string, args: readonly (string | number)[]): Promise<unknown> {
    const [, answer] = await Promise.all([this.call("asking", []), this.call(command, args)]);
    return answer;
  }

  runAsking(script: Script, input: ScriptInput): Promise<unknown> {
    return this.callAsking("eval", [script.text, ...input]);
  }

  onMessage(listener: (channel: string, text: string) => void): void {
    this.#redis.on("message", listener);
    this.#redis.on("smessage", listener);
  }

  onPatternMessage(listener: (pattern: string, channel: string, text: string) => void): void {
    this.#redis.on("pmessage", listener);
  }

  onMoved(listener: () => void): void {
    // An event that ioredis's own Cluster listens to.
    (this.#redis as NodeJS.EventEmitter).on("moved", listener);
  }

  onEnd(listener: () => void): void {
    if (this.#ended) listener();
    else this.#onEnd.push(listener);
  }

  end(): void {
    this.#redis.disconnect();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const listener of this.#onEnd) listener();
  }

  #send(
    name: string,
    args: (string | number)[],
    resolve: (value: unknown) => void,
    reject: (error: Error) => void,
  ): void {
    if (!this.open) return reject(new LostError("the connection has ended"));
    const command = new Command(name, args, { replyEncoding: "utf8" });
    this.#redis.sendCommand(command, this.#outbox);
    command.promise.then(resolve, (error: unknown) => reject(failureOf(error)));
  }

  /**
   * Takes the commands of one turn and makes them one write. A pipeline of ioredis does the same with five promises more per
   * command, and its auto-pipelining waits for one pipeline's answers before it sends the next.
   */
  #outboxOf(redis: Redis): PipelineStream {
    return {
      isPipeline: true,
      destination: { redis },
      write: (bytes) => {
        if (this.#unsent === "") setImmediate(() => this.#flush());
        this.#unsent += String(bytes);
        if (this.#unsent.length > maxUnsent) this.#flush();
      },
    };
  }

  #flush(): void {
    const text = this.#unsent;
    this.#unsent = "";
    const { stream } = this.#redis;
    // What is not sent any more is rejected with the end of the connection.
    if (text !== "" && stream.writable) stream.write(text);
  }
}

function failureOf(error: unknown): Error {
  const { name, message } = error as Error;
  return name === "ReplyError" ? new AnswerError(message) : new LostError(message);
}
