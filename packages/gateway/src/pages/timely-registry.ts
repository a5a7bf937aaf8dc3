// A registry that answers in time, whatever the one behind it does: what never ends would hold up its page, and the gateway's close, for ever.
import { GatewayError } from "@trunkline/core/errors";
import type { Clock, Registered, Registry } from "@trunkline/core/ports";

export class TimelyRegistry implements Registry {
  readonly name: string;
  /** How long an answer may take, in milliseconds. */
  readonly withinMs: number;
  readonly #registry: Registry;
  readonly #clock: Pick<Clock, "setTimer" | "clearTimer">;
  /** Ends each call that is not answered. */
  readonly #unanswered = new Set<(error: GatewayError) => void>();
  #givenUp = false;

  /** @param withinMs beyond it an answer is `gateway.unavailable` */
  constructor(registry: Registry, clock: Pick<Clock, "setTimer" | "clearTimer">, withinMs: number) {
    this.name = registry.name;
    this.#registry = registry;
    this.#clock = clock;
    this.withinMs = withinMs;
  }

  add(key: string, channels: readonly Registered[], ttlMs: number): Promise<void> {
    return this.#inTime(() => this.#registry.add(key, channels, ttlMs));
  }

  remove(key: string, channels: readonly string[]): Promise<void> {
    return this.#inTime(() => this.#registry.remove(key, channels));
  }

  read(key: string): Promise<readonly Registered[] | null> {
    return this.#inTime(() => this.#registry.read(key));
  }

  hold(key: string, holder: string, ttlMs: number): Promise<readonly Registered[] | null> {
    return this.#inTime(() => this.#registry.hold(key, holder, ttlMs));
  }

  release(key: string, holder: string, ttlMs: number): Promise<boolean> {
    return this.#inTime(() => this.#registry.release(key, holder, ttlMs));
  }

  renew(keys: readonly string[], ttlMs: number): Promise<void> {
    return this.#inTime(() => this.#registry.renew(keys, ttlMs));
  }

  drop(key: string): Promise<void> {
    return this.#inTime(() => this.#registry.drop(key));
  }

  /** Waits for nothing any more: what is not answered by now is `gateway.unavailable`, and so is all that is asked from now on. */
  giveUp(): void {
    this.#givenUp = true;
    for (const fail of this.#unanswered) fail(noAnswer());
  }

  /** Closes the one behind it. */
  close(): Promise<void> {
    return this.#registry.close();
  }

  #inTime<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    if (this.#givenUp) return Promise.reject(noAnswer());
    return new Promise<Answer>((resolve, reject) => {
      const settled = (): void => {
        this.#clock.clearTimer(timer);
        this.#unanswered.delete(fail);
      };
      const fail = (error: unknown): void => {
        settled();
        reject(error as Error);
      };
      const timer = this.#clock.setTimer(() => fail(noAnswer()), this.withinMs);
      this.#unanswered.add(fail);
      // It is somebody else's, and may throw.
      (async () => ask())().then((answer) => {
        settled();
        resolve(answer);
      }, fail);
    });
  }
}

function noAnswer(): GatewayError {
  return new GatewayError("gateway.unavailable", "the registry of pages does not answer; try again shortly");
}
