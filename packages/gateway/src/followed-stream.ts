// One stream that the gateway follows for itself, and who hears it.
import type { Entry } from "@trunkline/core/ports";
import type { LineBreak, Outgoing } from "./hub/event-text.ts";
import type { HubChannel } from "./hub/hub-channel.ts";

/** Hears one stream. What it throws is reported; what it appends is heard after what it is being told. */
export interface StreamEar {
  /** The next entry of either line. */
  onEntry(entry: Entry): void;
  /**
   * The stream broke here: entries of a `gap` will not come. Behind `isSnapshot(news)` the state entries that follow are the whole
   * state, so a key that is not among them is gone.
   */
  onBreak(news: LineBreak): void;
  /** A `volatile` event. @defaultValue it is let go */
  onVolatile?(body: string, time: number): void;
}

export class FollowedStream {
  readonly channel: HubChannel;
  readonly ear: StreamEar;
  /** Whether its head was found. */
  begun = false;
  #telling = false;

  constructor(channel: HubChannel, ear: StreamEar) {
    this.channel = channel;
    this.ear = ear;
  }

  /** Tells what waits. What an ear causes meanwhile comes after it. */
  tell(onError: (error: unknown) => void): void {
    if (this.#telling) return;
    this.#telling = true;
    const { channel, ear } = this;
    while (channel.pending.length > 0) {
      const items = channel.pending;
      channel.pending = [];
      for (const item of items) {
        if (channel.closed) break;
        try {
          tell(ear, item);
        } catch (error) {
          onError(error);
        }
      }
    }
    // Nobody returns to it: what was told is not kept.
    channel.cool();
    this.#telling = false;
  }
}

function tell(ear: StreamEar, { line, lineBreak, offset, tag, time, body, deleted }: Outgoing): void {
  if (lineBreak !== null) ear.onBreak(lineBreak);
  else if (line === null) ear.onVolatile?.(body, time);
  else ear.onEntry({ line, offset, tag, time, body, ...(deleted && { deleted }) });
}
