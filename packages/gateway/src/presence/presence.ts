// Who is on which channel (PROTOCOL §13): performs what roll and pace decide.
import type { Broker, Clock, StreamName, TimerHandle } from "@trunkline/core/ports";
import { type WireError, byteLength, channelProblem, companionOf, maxMemberBytes } from "@trunkline/core/wire";
import { channelOf, streamName } from "../auth/principal.ts";
import { type GatewayStats, countRefused } from "../metrics.ts";
import type { PresenceLimits } from "../options.ts";
import { type TokenBucket, takeTokens } from "../session-frames.ts";
import { AliveLine, newLife } from "./alive-line.ts";
import type { Attendance } from "./attendance.ts";
import type { Attendee, Attending, PresenceRequest, Refusal } from "./attending.ts";
import { KeyWriter } from "./key-writer.ts";
import {
  type Member,
  accountOf,
  countBody,
  countStream,
  gatewayOf,
  memberBody,
  memberKey,
  membersOf,
  membersStream,
} from "./member.ts";
import { Pace } from "./pace.ts";
import { type Change, Roll, type Room } from "./roll.ts";
import { stateKeys } from "./state-keys.ts";
import { Sweeper } from "./sweeper.ts";

export interface PresenceOptions {
  readonly broker: Broker;
  /** Whether other gateways may be on the broker. */
  readonly isShared: boolean;
  readonly clock: Clock;
  readonly settings: Required<PresenceLimits>;
  /** Channels that one connection may enter per second, sustained, and at once: each is an event to all who watch. */
  readonly limits: { readonly rate: number; readonly burst: number };
  readonly attendance: Attendance;
  readonly stats: GatewayStats;
  /** Streams that somebody is on here. */
  readonly open: () => Iterable<StreamName>;
  /** Hears of what is tried again. Must not throw. */
  readonly onError: (error: unknown) => void;
}

/** How often the number of members of a channel is written at most, in milliseconds. */
const countEveryMs = 1000;

export class Presence implements Attending {
  readonly #options: PresenceOptions;
  readonly #roll: Roll<Attendee>;
  readonly #pace = new Pace<StreamName>(countEveryMs);
  readonly #writer: KeyWriter;
  /** null: there are no other gateways. */
  readonly #others: { readonly alive: AliveLine; readonly sweeper: Sweeper } | null;
  /** What each link asked for last, while it is being decided. */
  readonly #turns = new WeakMap<Attendee, Promise<unknown>>();
  /** How many channels each link may enter just now. */
  readonly #buckets = new WeakMap<Attendee, TokenBucket>();
  /** How often what each link may has changed. */
  readonly #changes = new WeakMap<Attendee, number>();
  /** Names this life of the gateway; null before the first. */
  #gateway: string | null;
  #timer: { readonly at: number; readonly handle: TimerHandle } | null = null;
  #closed = false;

  constructor(options: PresenceOptions) {
    this.#options = options;
    const { settings, broker, clock, isShared, onError } = options;
    this.#roll = new Roll(settings);
    this.#writer = new KeyWriter({ broker, clock, onError, onLost: () => this.#beatFirst() });
    this.#gateway = isShared ? null : newLife();
    if (!isShared) {
      this.#others = null;
      return;
    }
    const alive = new AliveLine({
      broker,
      clock,
      leaseMs: settings.leaseMs,
      onError,
      onLife: (id) => this.#begin(id),
      onDeath: () => this.#sweepAll(),
    });
    this.#others = { alive, sweeper: new Sweeper({ broker, clock, alive, onError }) };
  }

  async request(who: Attendee, asked: PresenceRequest): Promise<readonly Refusal[]> {
    const before = this.#turns.get(who);
    const turn = (async () => {
      await before;
      return this.#perform(who, asked);
    })();
    this.#turns.set(who, turn);
    const refused = await turn;
    if (this.#turns.get(who) === turn) this.#turns.delete(who);
    for (const { error } of refused) countRefused(this.#options.stats, error.code);
    return refused;
  }

  async reconsider(who: Attendee): Promise<void> {
    this.#changes.set(who, (this.#changes.get(who) ?? 0) + 1);
    const asked = this.#roll.roomsOf(who).map(async ({ channel }) => {
      if (!(await this.#options.attendance.may(who, channel, "enter"))) this.off(who, channel);
    });
    await Promise.all(asked);
  }

  off(who: Attendee, channel: string): void {
    this.#gone(this.#roll.off(who, who.principal.account, channel));
  }

  end(who: Attendee, lost: boolean): void {
    for (const left of this.#roll.end(who, lost ? this.#options.clock.now() : null)) this.#gone(left);
    this.#arm();
  }

  /** Everybody who is on a channel. @throws {GatewayError} `gateway.unavailable`, and what the broker's `read` throws */
  async members(account: string, channel: string): Promise<readonly Member[]> {
    const alive = this.#others?.alive;
    await alive?.join();
    const entries = await stateKeys(this.#options.broker, membersStream(account, channel));
    const dead = await alive?.deadAmong(new Set(entries.map(([key]) => gatewayOf(key))));
    const living = entries.filter(([key]) => dead?.has(gatewayOf(key)) !== true);
    return membersOf(living.map(([, { body }]) => body));
  }

  /** Somebody is on a stream that nobody was on here. What is left there of gateways that died unseen is removed. */
  opened(stream: StreamName): void {
    if (this.#others === null || !isOfMembers(stream)) return;
    // The first life begins with all that is open.
    if (this.#gateway === null) void this.#others.alive.beat();
    else this.#others.sweeper.sweep([stream]);
  }

  /** The broker can be used again, and may have lost something. */
  onAvailable(): void {
    void this.#beatFirst().then(() => this.#writer.settle());
  }

  /** Looks whether the broker still has what was written. Never rejects. */
  checkHeads(isOver: () => boolean): Promise<void> {
    return this.#writer.checkHeads(isOver);
  }

  /** Whoever is a member still stays one until the lease is over: on another gateway it may go on. It is counted there. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#arm();
    const gateway = this.#gateway;
    if (gateway !== null)
      for (const { account, channel } of this.#roll.rooms)
        void this.#writer.write(countStream(account, channel), gateway, null);
    await this.#writer.close();
    await this.#others?.sweeper.close();
    await this.#others?.alive.close(this.#writer.isEmpty);
  }

  /** A life begins: all who are here are written under its name. */
  async #begin(id: string): Promise<void> {
    this.#gateway = id;
    this.#writer.begin();
    for (const room of this.#roll.rooms) {
      for (const { member } of room.members.values()) this.#writer.want(...this.#said(room, member, id));
      this.#writeCount(streamName(room.account, room.channel));
    }
    await this.#writer.settle();
  }

  /** The beat may be lost as well, and whoever has none is dead to others, who would remove what it writes. */
  async #beatFirst(): Promise<void> {
    if (this.#others?.alive.hasBegun === true) await this.#others.alive.beat();
  }

  #sweepAll(): void {
    const streams = new Set([...this.#options.open()].filter(isOfMembers));
    for (const { account, channel } of this.#roll.rooms)
      streams.add(membersStream(account, channel)).add(countStream(account, channel));
    this.#others?.sweeper.sweep(streams);
  }

  async #perform(who: Attendee, { enter = [], leave = [] }: PresenceRequest): Promise<readonly Refusal[]> {
    // What a link still wanted that is over must not end what the next one of its client has begun.
    if (who.over) return enter.map(({ channel }) => ({ channel, error: forbidden }));
    for (const channel of leave) this.#gone(this.#roll.leave(who.principal.account, channel, who.member));
    // Of a channel that is named twice the last counts.
    const wanted = new Map(enter.map(({ channel, data }) => [channel, textOf(data)]));
    const answers = await Promise.all(
      [...wanted].map(async ([channel, data]) => {
        const problem = data === null ? tooDeep : this.#problem(who, channel, data);
        return { channel, error: problem ?? (await this.#enter(who, channel, data ?? undefined)) };
      }),
    );
    return answers.flatMap(({ channel, error }) => (error === null ? [] : [{ channel, error }]));
  }

  /** What can be said without asking the app. */
  #problem(who: Attendee, channel: string, data: string | undefined): WireError | null {
    const problem = channelProblem(channel);
    if (problem !== null) return { code: "gateway.bad-request", message: `channel: ${problem}` };
    if (!this.#takesTurn(who)) return tooFast;
    const bytes = byteLength(data ?? "");
    if (bytes > maxMemberBytes) return { code: "gateway.too-large", message: tooLarge(bytes) };
    return who.listensTo(channel) ? null : forbidden;
  }

  #takesTurn(who: Attendee): boolean {
    const { clock, limits } = this.#options;
    const now = clock.now();
    const bucket = takeTokens(this.#buckets.get(who) ?? { tokens: limits.burst, at: now }, 1, now, limits);
    if (bucket !== null) this.#buckets.set(who, bucket);
    return bucket !== null;
  }

  /** Null once it is stored. */
  async #enter(who: Attendee, channel: string, data: string | undefined): Promise<WireError | null> {
    // An answer to what was asked before a change means nothing.
    let changes: number | undefined;
    do {
      changes = this.#changes.get(who);
      if (!(await this.#options.attendance.may(who, channel, "enter"))) return forbidden;
    } while (changes !== this.#changes.get(who));
    // It may be over, or off the channel, since it was asked about.
    if (who.over || !who.listensTo(channel)) return forbidden;
    const { principal } = who;
    const { account } = principal;
    const wasThere = this.#roll.room(account, channel)?.members.has(who.member) === true;
    const said = { id: principal.kind === "user" ? principal.id : undefined, data };
    const { room } = this.#roll.enter(who, account, channel, said, this.#options.clock.wallTime());
    this.#changed(room);
    if (await this.#isWritten(room, who.member)) return null;
    // Who was there before stays there; what it says now is written later.
    if (!wasThere) this.#gone(this.#roll.leave(account, channel, who.member));
    return unavailable;
  }

  /** Writes what a member says now. Whether that is stored. */
  async #isWritten(room: Room, member: string): Promise<boolean> {
    try {
      if (this.#gateway === null) await this.#others?.alive.join();
    } catch {
      return false;
    }
    return this.#gateway === null || this.#writer.write(...this.#said(room, member, this.#gateway));
  }

  /** What `~members` should hold of a member. */
  #said(
    { account, channel }: Room,
    member: string,
    gateway: string,
  ): [stream: StreamName, key: string, body: string | null] {
    const present = this.#roll.room(account, channel)?.members.get(member);
    const key = memberKey(member, gateway);
    return [membersStream(account, channel), key, present?.listed === true ? memberBody(key, present) : null];
  }

  #gone(left: Change | null): void {
    if (left === null) return;
    const { room, present } = left;
    this.#changed(room);
    if (this.#gateway !== null) void this.#writer.write(...this.#said(room, present.member, this.#gateway));
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
    if (this.#gateway === null) return;
    const [account, channel] = [accountOf(name), channelOf(name)];
    const count = this.#roll.room(account, channel)?.members.size ?? 0;
    const body = count === 0 ? null : countBody(this.#gateway, count);
    void this.#writer.write(countStream(account, channel), this.#gateway, body);
  }

  #arm(): void {
    const { clock } = this.#options;
    const next = this.#closed ? Infinity : Math.min(this.#roll.nextLeave, this.#pace.nextDue);
    if (this.#timer !== null && this.#timer.at <= next && next < Infinity) return;
    if (this.#timer !== null) clock.clearTimer(this.#timer.handle);
    const inMs = Math.max(0, next - clock.now());
    this.#timer = next === Infinity ? null : { at: next, handle: clock.setTimer(() => this.#due(), inMs) };
  }

  #due(): void {
    this.#timer = null;
    const now = this.#options.clock.now();
    for (const left of this.#roll.expire(now)) this.#gone(left);
    for (const name of this.#pace.due(now)) this.#writeCount(name);
    this.#arm();
  }
}

function isOfMembers(stream: StreamName): boolean {
  const kind = companionOf(channelOf(stream))?.kind;
  return kind === "members" || kind === "count";
}

/** As JSON; null where it is nested so deep that it can't be written. Only what is far too long can be. */
function textOf(data: unknown): string | undefined | null {
  try {
    return JSON.stringify(data) as string | undefined;
  } catch {
    return null;
  }
}

function tooLarge(bytes: number | string): string {
  return `data: expected at most ${maxMemberBytes} bytes as JSON, got ${bytes}`;
}

const tooDeep: WireError = { code: "gateway.too-large", message: tooLarge("more") };
/** The same words whether the channel is forbidden, unknown, or not one that the connection is on. */
const forbidden: WireError = {
  code: "gateway.forbidden",
  message: "this connection may not enter this channel; it has to be on it first",
};
const tooFast: WireError = {
  code: "gateway.rate-limited",
  message: "this connection enters channels too often; slow down",
};
const unavailable: WireError = {
  code: "gateway.unavailable",
  message: "the broker can't be used just now, and nobody was entered; ask again shortly",
};
