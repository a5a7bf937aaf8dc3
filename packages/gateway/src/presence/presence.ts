// Who is on which channel (PROTOCOL §13): performs what roll and ledger decide.
import { GatewayError, UsageError } from "@trunkline/core/errors";
import { randomBytes } from "node:crypto";
import type { Broker, Clock, StreamName, TimerHandle } from "@trunkline/core/ports";
import { type WireError, byteLength, channelProblem, maxMemberBytes } from "@trunkline/core/wire";
import { accountProblem, channelOf, defaultAccount, streamName } from "../auth/principal.ts";
import type { PresenceLimits } from "../options.ts";
import { type GatewayStats, countRefused } from "../metrics.ts";
import type { Attendance } from "./attendance.ts";
import type { Attendee, Attending, PresenceRequest, Refusal } from "./attending.ts";
import { type Item, Ledger } from "./ledger.ts";
import {
  type Member,
  countBody,
  countStream,
  goneBody,
  memberBody,
  memberKey,
  membersOf,
  membersStream,
} from "./member.ts";
import { stateKeys } from "./state-keys.ts";
import { Pace } from "./pace.ts";
import { type Change, Roll, type Room } from "./roll.ts";

export interface PresenceOptions {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly settings: Required<PresenceLimits>;
  readonly attendance: Attendance;
  readonly stats: GatewayStats;
  /** Hears of what is tried again. Must not throw. */
  readonly onError: (error: unknown) => void;
}

/** How often the number of members of a channel is written at most, in milliseconds. */
const countEveryMs = 1000;
/** How soon what the broker did not take is written again, in milliseconds. */
const retryMs = 1000;
/** Writes under way at a time of what is owed. */
const atOnce = 256;
/** Keys of one stream: the members of many gateways, and those who left a while ago. */
const maxKeys = 1_000_000;

export class Presence implements Attending {
  readonly #options: PresenceOptions;
  readonly #roll: Roll<Attendee>;
  readonly #pace = new Pace<StreamName>(countEveryMs);
  /** What each link asked for last, while it is being decided. */
  readonly #turns = new WeakMap<Attendee, Promise<unknown>>();
  /** The last write of each item; resolves to whether it failed. */
  readonly #sending = new WeakMap<Item, Promise<boolean>>();
  /** Writes under way. */
  readonly #flights = new Set<Promise<boolean>>();
  /** Names this life of the gateway. */
  #gateway = newGatewayId();
  #ledger = new Ledger();
  #timer: { readonly at: number; readonly handle: TimerHandle } | null = null;
  /** When what is owed is written again. */
  #retryAt = Infinity;
  #settling = false;
  #closed = false;

  constructor(options: PresenceOptions) {
    this.#options = options;
    this.#roll = new Roll(options.settings);
  }

  async request(who: Attendee, asked: PresenceRequest): Promise<readonly Refusal[]> {
    const turn = this.#take(who, asked, this.#turns.get(who));
    this.#turns.set(who, turn);
    const answers = await turn;
    if (this.#turns.get(who) === turn) this.#turns.delete(who);
    const refused: Refusal[] = [];
    for (const { channel, answer } of answers) {
      const error = await answer;
      if (error === null) continue;
      countRefused(this.#options.stats, error.code);
      refused.push({ channel, error });
    }
    return refused;
  }

  off(who: Attendee, channel: string): void {
    this.#gone(this.#roll.off(who, who.principal.account, channel));
  }

  end(who: Attendee, lost: boolean): void {
    for (const left of this.#roll.end(who, lost ? this.#options.clock.now() : null)) this.#gone(left);
    this.#arm();
  }

  /** Everybody who is on a channel. @throws what the broker's `read` throws */
  async members(account: string, channel: string): Promise<readonly Member[]> {
    const entries = await stateKeys(this.#options.broker, membersStream(account, channel));
    return membersOf(entries.map(({ body }) => body));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#arm();
    await Promise.all(this.#flights);
  }

  async #take(
    who: Attendee,
    { enter = [], leave = [] }: PresenceRequest,
    before: Promise<unknown> | undefined,
  ): Promise<readonly Answer[]> {
    await before;
    for (const channel of leave) this.#gone(this.#roll.leave(who.principal.account, channel, who.member));
    const wanted = enter.map(({ channel, data }) => ({ channel, data: JSON.stringify(data) as string | undefined }));
    const problems = await Promise.all(wanted.map(({ channel, data }) => this.#problem(who, channel, data)));
    return wanted.map(({ channel, data }, index) => {
      const answer = problems[index] ?? this.#enter(who, channel, data);
      return { channel, answer };
    });
  }

  async #problem(who: Attendee, channel: string, data: string | undefined): Promise<WireError | null> {
    const problem = channelProblem(channel);
    if (problem !== null) return { code: "gateway.bad-request", message: `channel: ${problem}` };
    const bytes = byteLength(data ?? "");
    if (bytes > maxMemberBytes) return { code: "gateway.too-large", message: tooLarge(bytes) };
    return who.listensTo(channel) && (await this.#options.attendance.may(who, channel, "enter")) ? null : forbidden;
  }

  /** Null once it is stored. */
  async #enter(who: Attendee, channel: string, data: string | undefined): Promise<WireError | null> {
    // It may be over, or off the channel, since it was asked who it is.
    if (who.over || !who.listensTo(channel)) return forbidden;
    const { principal } = who;
    const said = { id: principal.kind === "user" ? principal.id : undefined, data };
    const { room, present } = this.#roll.enter(who, principal.account, channel, said, this.#options.clock.wallTime());
    this.#changed(room);
    const failed = await this.#write(room, present.member);
    if (!failed) return null;
    // Who is there stays there; what it said meanwhile is owed.
    if (!this.#ledger.has(...this.#keyOf(room, present.member)))
      this.#gone(this.#roll.leave(room.account, channel, present.member));
    return unavailable;
  }

  /** Writes what a member says now. Whether that failed. */
  async #write({ account, channel }: Room, member: string): Promise<boolean> {
    const room = this.#roll.room(account, channel);
    const present = room?.members.get(member);
    if (room === undefined || present?.listed !== true) return false;
    const [stream, key] = this.#keyOf(room, member);
    return this.#put(stream, key, memberBody(key, present));
  }

  #keyOf({ account, channel }: Room, member: string): [stream: StreamName, key: string] {
    return [membersStream(account, channel), memberKey(member, this.#gateway)];
  }

  #gone(left: Change | null): void {
    if (left === null) return;
    const { room, present } = left;
    this.#changed(room);
    void this.#put(...this.#keyOf(room, present.member), null);
  }

  /** Somebody came or went. */
  #changed({ account, channel }: Room): void {
    const { clock, stats } = this.#options;
    stats.members = this.#roll.size;
    const name = streamName(account, channel);
    if (this.#pace.change(name, clock.now())) this.#writeCount(name);
    this.#arm();
  }

  #writeCount(name: StreamName): void {
    const [account, channel] = [accountOf(name), channelOf(name)];
    const count = this.#roll.room(account, channel)?.members.size ?? 0;
    const body = count === 0 ? null : countBody(this.#gateway, count);
    void this.#put(countStream(account, channel), this.#gateway, body);
  }

  /** Has a key hold `body`, or nothing. Whether that failed; then it is tried again. */
  async #put(stream: StreamName, key: string, body: string | null): Promise<boolean> {
    const item = this.#ledger.want(stream, key, body);
    if (item === null) return false;
    return this.#ledger.isOwed(item) ? this.#send(item) : ((await this.#sending.get(item)) ?? false);
  }

  #send(item: Item): Promise<boolean> {
    const sending = this.#append(item);
    this.#sending.set(item, sending);
    this.#flights.add(sending);
    void sending.then(() => this.#flights.delete(sending));
    return sending;
  }

  async #append(item: Item): Promise<boolean> {
    const ledger = this.#ledger;
    const body = ledger.send(item);
    const { stream, key } = item;
    try {
      const state = { key, deleted: body === null, maxKeys };
      const appended = await this.#options.broker.append(stream, { body: body ?? goneBody(stream, key), state });
      if (appended.kind !== "appended")
        throw new Error(`expected the broker to store a key of presence, got ${appended.kind}`);
      const { epoch, offset } = appended.position;
      if (ledger.stored(item, body, epoch, offset)) void this.#settle();
      return false;
    } catch (error) {
      ledger.failed(item, error instanceof GatewayError && error.code !== "gateway.outcome-unknown");
      this.#failed(error);
      return true;
    }
  }

  #failed(error: unknown): void {
    if (this.#closed) return;
    this.#options.onError(error);
    this.#retryAt = Math.min(this.#retryAt, this.#options.clock.now() + retryMs);
    this.#arm();
  }

  /** Writes what is owed. */
  async #settle(): Promise<void> {
    if (this.#settling) return;
    this.#settling = true;
    for (;;) {
      const owed = this.#ledger.owed(atOnce);
      if (owed.length === 0) break;
      const failed = await Promise.all(owed.map((item) => this.#send(item)));
      if (failed.includes(true) || this.#closed) break;
    }
    this.#settling = false;
  }

  #arm(): void {
    const { clock } = this.#options;
    const next = this.#closed ? Infinity : Math.min(this.#roll.nextLeave, this.#pace.nextDue, this.#retryAt);
    if (this.#timer !== null && this.#timer.at <= next && next < Infinity) return;
    if (this.#timer !== null) clock.clearTimer(this.#timer.handle);
    this.#timer =
      next === Infinity
        ? null
        : { at: next, handle: clock.setTimer(() => this.#due(), Math.max(0, next - clock.now())) };
  }

  #due(): void {
    this.#timer = null;
    const now = this.#options.clock.now();
    for (const left of this.#roll.expire(now)) this.#gone(left);
    for (const name of this.#pace.due(now)) this.#writeCount(name);
    if (this.#retryAt <= now) {
      this.#retryAt = Infinity;
      void this.#settle();
    }
    this.#arm();
  }
}

/** @throws {UsageError} `usage.bad-argument`, `usage.unsupported` without presence @throws {GatewayError} `gateway.unavailable` */
export async function membersFrom(
  presence: Presence | null,
  channel: string,
  account: string = defaultAccount,
): Promise<readonly Member[]> {
  if (presence === null)
    throw new UsageError("usage.unsupported", "gateway.members: expected a gateway with presence, got presence: false");
  const problem = accountProblem(account) ?? channelProblem(channel);
  if (problem !== null) throw new UsageError("usage.bad-argument", `gateway.members: ${problem}`);
  return presence.members(account, channel);
}

interface Answer {
  readonly channel: string;
  /** Why it was not entered, or null. */
  readonly answer: WireError | Promise<WireError | null>;
}

function newGatewayId(): string {
  return randomBytes(6).toString("base64url");
}

function accountOf(name: StreamName): string {
  return name.slice(0, name.indexOf("/"));
}

function tooLarge(bytes: number): string {
  return `data: expected at most ${maxMemberBytes} bytes as JSON, got ${bytes}`;
}

/** The same words whether the channel is forbidden, unknown, or not one that the connection is on. */
const forbidden: WireError = {
  code: "gateway.forbidden",
  message: "this connection may not enter this channel; it has to be on it first",
};
const unavailable: WireError = {
  code: "gateway.unavailable",
  message: "the broker can't be used just now, and nobody was entered; ask again shortly",
};
