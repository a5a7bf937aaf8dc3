// What a session needs of presence: how its link is a member of channels.
import type { PresenceFrame, WireError } from "@trunkline/core/wire";
import type { Connection } from "../connection.ts";

/** A connection that may be a member of channels. */
export interface Attendee extends Connection {
  /** Names its client (`Member.member`). */
  readonly member: string;
  readonly over: boolean;
  /** Whether it is on a channel. */
  listensTo(channel: string): boolean;
}

export type PresenceRequest = Pick<PresenceFrame, "enter" | "leave">;

/** A channel that was not entered. */
export interface Refusal {
  readonly channel: string;
  readonly error: WireError;
}

export interface Attending {
  /** PROTOCOL §13.2. A link's requests are done one after the other. Never rejects. @returns the channels that were not entered */
  request(who: Attendee, asked: PresenceRequest): Promise<readonly Refusal[]>;
  /** What its principal may has changed: it leaves where it may not be a member any more. Never rejects. */
  reconsider(who: Attendee): Promise<void>;
  /** A link is off a channel. */
  off(who: Attendee, channel: string): void;
  /** A link is over. `lost`: its client did not say goodbye. */
  end(who: Attendee, lost: boolean): void;
}

const unsupported: WireError = { code: "gateway.unsupported", message: "this gateway does not say who is there" };

/** Where nobody is told who is there. */
export const noPresence: Attending = {
  request: async (_, { enter = [] }) => enter.map(({ channel }) => ({ channel, error: unsupported })),
  reconsider: async () => {},
  off() {},
  end() {},
};
