// Which gateways are alive. Decides, and does nothing.
//
// Each gateway writes a beat on one line of the broker and then reads the line. So it is judged by the broker's clock and in the broker's order: whoever
// was silent for the lease before somebody else's beat can see by its own next one that it was, and that it may have been taken for dead.

/** The newest beat of a gateway: its place on the line, and when it was stored by the broker's clock. */
export interface Beat {
  readonly revision: number;
  readonly time: number;
}

/** The line as it was right after an own beat. */
export interface Heard {
  readonly epoch: string;
  readonly beats: ReadonlyMap<string, Beat>;
}

export interface Judged {
  /** Whether this gateway may have been taken for dead, or what it wrote may be lost: its life is over, and another has to begin. */
  readonly isOver: boolean;
  /** Gateways that are dead and whose beats are still there. */
  readonly dead: readonly (readonly [id: string, beat: Beat])[];
  /** Whether somebody else has found one dead. */
  readonly isMissing: boolean;
}

export class Lives {
  readonly #leaseMs: number;
  #epoch = "";
  #beats = new Map<string, Beat>();
  /** When each was first heard with its newest beat, by this gateway's clock. */
  #heardAt = new Map<string, number>();
  #dead: ReadonlySet<string> = new Set();

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs;
  }

  /** Whether a gateway was alive when the line was read last. */
  isAlive(id: string): boolean {
    return this.#beats.has(id) && !this.#dead.has(id);
  }

  /** @param own the gateway that has just written its beat */
  hear({ epoch, beats }: Heard, own: string, now: number): Judged {
    const isFirst = this.#beats.size === 0;
    const known = this.#epoch === epoch ? this.#beats : new Map<string, Beat>();
    const [before, after] = [known.get(own), beats.get(own)];
    const isOld = (beat: Beat): boolean => after !== undefined && after.time - beat.time >= this.#leaseMs;
    const heardAt = new Map<string, number>();
    const dead = new Map<string, Beat>();
    for (const [id, beat] of beats) {
      const since = known.get(id)?.revision === beat.revision ? (this.#heardAt.get(id) ?? now) : now;
      heardAt.set(id, since);
      // Where the clock of the broker jumps, its times say nothing of those who were heard of since.
      if (id !== own && isOld(beat) && (isFirst || now - since >= this.#leaseMs || this.#dead.has(id)))
        dead.set(id, beat);
    }
    const wasThere = this.#beats.has(own);
    const isOver = after === undefined || (wasThere && (before === undefined || isOld(before)));
    const isMissing = [...known.keys()].some((id) => !beats.has(id));
    this.#epoch = epoch;
    this.#beats = new Map(beats);
    this.#heardAt = heardAt;
    this.#dead = new Set(dead.keys());
    return { isOver, dead: [...dead], isMissing };
  }

  /** Its beat was removed here. */
  bury(id: string): void {
    this.#beats.delete(id);
  }
}
