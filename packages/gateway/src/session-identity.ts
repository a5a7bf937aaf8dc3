// Who a connection is, what part of the account it has, and what the app is being asked about what it may hear.
import type { Clock } from "@trunkline/core/ports";
import type { Authenticated, Entrance } from "./auth/entrance.ts";
import type { Principal } from "./auth/principal.ts";
import type { RequestInfo } from "./auth/request-info.ts";
import type { Unavailable, WaitingRoom } from "./auth/waiting-room.ts";
import type { Admitted } from "./admission.ts";
import { type Grants, onClock } from "./grants.ts";
import { scopeHint } from "./link-entrance.ts";
import type { Attending, Attendee } from "./presence/attending.ts";
import type { SessionEffect, SessionInput } from "./session-state.ts";
import type { Decision, Question } from "./session-streams.ts";

export interface SessionIdentityHost {
  readonly entrance: Entrance;
  /** Where fresh tokens wait for their authenticator. */
  readonly waitingRoom: WaitingRoom;
  readonly grants: Grants;
  readonly presence: Attending;
  readonly clock: Clock;
}

type Grant = Extract<SessionEffect, { readonly kind: "grant" }>;

export class SessionIdentity {
  readonly #host: SessionIdentityHost;
  readonly #request: RequestInfo;
  readonly #input: (input: SessionInput) => void;
  #principal: Principal | null;
  /** Undefined while that is not decided. */
  #scope: string | null | undefined;
  /** Finding out which it is from now on. */
  #scoping: Promise<unknown> | null = null;
  /** What the client asks for. */
  #hint: string | null;
  /** Since when it is looked what gateways say about it. */
  #mark: number;
  /** Answers of the authorizer that wait for the end of the tick. */
  #decisions: Decision[] | null = null;
  #deciding: Promise<void> | null = null;
  /** What the app was asked about what it granted, and has not answered; null when there was nothing. */
  #questions: Set<Promise<void>> | null = null;

  constructor(
    host: SessionIdentityHost,
    admitted: Admitted,
    request: RequestInfo,
    input: (input: SessionInput) => void,
  ) {
    this.#host = host;
    this.#request = request;
    this.#input = input;
    const { principal, scope, mark = 0 } = admitted.kind === "admitted" ? admitted : { principal: null };
    this.#principal = principal;
    this.#scope = scope;
    this.#hint = scopeHint({ request });
    this.#mark = mark;
  }

  get principal(): Principal | null {
    return this.#principal;
  }

  get scope(): string | null {
    return this.#scope ?? null;
  }

  get mark(): number {
    return this.#mark;
  }

  /** When it ends, by the gateway's clock. */
  get endsAt(): number {
    return this.#principal === null ? Infinity : this.#endOf(this.#principal);
  }

  /** Answered by `authenticated` or `rejected`. `isFresh`: it is known already who it is, by another token. */
  authenticate(token: string | undefined, isFresh: boolean): void {
    const who = this.#host.entrance.atHello({ token, request: this.#request });
    const take = (said: Authenticated | Unavailable): void => this.#onWho(said, isFresh);
    // A greeting has an end of its own.
    if (isFresh) this.#host.waitingRoom.wait(who, take);
    else if (who instanceof Promise) void who.then(take);
    else take(who);
  }

  /** Finds out scope and channels. Answered by `granted` or `denied`, at once where nobody has to be waited for. */
  grant(connection: Attendee, { turn, principal, hint }: Grant): void {
    this.#principal = principal;
    this.#hint = hint ?? this.#hint;
    // Before the upgrade it may have been decided already, by what was known then.
    if (turn === 0 && hint === undefined && this.#scope !== undefined) return this.#grantChannels(connection, turn);
    const scoping = this.#host.grants.scope(principal, this.#request, this.#hint);
    if (!(scoping instanceof Promise)) {
      this.#scoping = null;
      return this.#onScope(connection, scoping, turn);
    }
    this.#scoping = scoping;
    this.#question(
      scoping.then((decided) => {
        // It was asked anew meanwhile: whichever answer comes first, the later question's counts.
        if (this.#scoping !== scoping) return;
        this.#scoping = null;
        this.#onScope(connection, decided, turn);
      }),
    );
  }

  /** Answered by `authorized`. */
  authorize(connection: Attendee, question: Question): void {
    const asked = this.#ask(connection, question);
    if (question.again) this.#question(asked);
  }

  /** Resolves once all is answered that the app was asked again. */
  async settled(): Promise<void> {
    if (this.#questions !== null) await Promise.all(this.#questions);
  }

  #onWho(who: Authenticated | Unavailable, isFresh: boolean): void {
    if (!who.ok) return this.#input({ kind: "rejected", status: who.status, error: who.error });
    const { principal, mark } = who;
    if (!isFresh) this.#mark = mark ?? this.#mark;
    // A fresh token has to be accepted first.
    this.#principal ??= principal;
    this.#input({ kind: "authenticated", principal, endsAt: this.#endOf(principal), now: this.#host.clock.now() });
  }

  #endOf(principal: Principal): number {
    return principal.kind === "user" && principal.expiresAt !== undefined
      ? onClock(this.#host.clock, principal.expiresAt)
      : Infinity;
  }

  #onScope(connection: Attendee, decided: Awaited<ReturnType<Grants["scope"]>>, turn: number): void {
    if (!decided.ok) return this.#input({ kind: "denied", turn, status: decided.status, error: decided.error });
    this.#scope = decided.scope;
    this.#grantChannels(connection, turn);
  }

  #grantChannels(connection: Attendee, turn: number): void {
    const take = (said: Awaited<ReturnType<Grants["channels"]>>): void => {
      if (!said.ok) return this.#input({ kind: "denied", turn, status: said.status, error: said.error });
      this.#input({ kind: "granted", turn, channels: said.channels });
      if (turn > 0) this.#question(this.#host.presence.reconsider(connection));
    };
    const said = this.#host.grants.channels(connection);
    if (said instanceof Promise) this.#question(said.then(take));
    else take(said);
  }

  async #ask(connection: Attendee, { channel, token, turn, again = false }: Question): Promise<void> {
    // What is allowed in the scope that it is about to lose may not be in the next one.
    while (this.#scoping !== null) await this.#scoping;
    const permission = await this.#host.grants.mayListen(connection, channel, { token, inTime: again });
    (this.#decisions ??= []).push({ channel, turn, ...permission });
    // What was decided in one tick is taken up together: who asks for many streams mostly gets many answers at once.
    this.#deciding ??= new Promise((resolve) => {
      setImmediate(() => {
        const answers = this.#decisions ?? [];
        this.#decisions = null;
        this.#deciding = null;
        this.#input({ kind: "authorized", answers });
        resolve();
      });
    });
    await this.#deciding;
  }

  /** Under way until it is answered. */
  #question(asked: Promise<void>): void {
    const questions = (this.#questions ??= new Set());
    questions.add(asked);
    void asked.then(() => {
      questions.delete(asked);
      if (questions.size === 0) this.#questions = null;
    });
  }
}
