// How long to wait before an attempt. PROTOCOL §7.1.

/** The ceiling of the wait before attempt `attempt` (from 0) in milliseconds; the driver waits a random part of it. */
export type Backoff = (attempt: number) => number;

/** Each of `ceilingsMs` in turn, then the last one for ever. */
export function schedule(ceilingsMs: readonly number[]): Backoff {
  return (attempt) => ceilingsMs[Math.min(attempt, ceilingsMs.length - 1)] ?? 0;
}

/** `backoff` as long as it gives a time; else `failed` is told why, and `instead` decides. Never throws. */
export function guarded(backoff: Backoff, instead: Backoff, failed: (cause: unknown) => void): Backoff {
  return (attempt) => {
    try {
      const ms = backoff(attempt);
      if (Number.isFinite(ms) && ms >= 0) return ms;
      throw new TypeError("expected milliseconds, 0 or more");
    } catch (cause) {
      failed(cause);
      return instead(attempt);
    }
  };
}

export interface ExponentialOptions {
  /** Base of the power, in seconds. */
  readonly baseSeconds: number;
  /** Largest exponent. */
  readonly maxExponent: number;
  /** Largest ceiling, in seconds. @defaultValue none */
  readonly capSeconds?: number;
}

/** `baseSeconds ** min(attempt, maxExponent)` seconds: base 5, exponent 1 gives 1, 5, 5, … s. */
export function exponential(options: ExponentialOptions): Backoff {
  const { baseSeconds, maxExponent, capSeconds = Infinity } = options;
  return (attempt) => Math.min(baseSeconds ** Math.min(attempt, maxExponent), capSeconds) * 1000;
}

export interface GeometricOptions {
  /** First ceiling, in milliseconds. */
  readonly initialMs: number;
  /** What each ceiling is multiplied by. */
  readonly factor: number;
  /** Largest ceiling, in milliseconds. @defaultValue 60_000 */
  readonly maxMs?: number;
}

/** `initialMs * factor ** attempt`, in whole milliseconds: 500 and 1.25 give 500, 625, 781, 977, … ms. */
export function geometric(options: GeometricOptions): Backoff {
  const { initialMs, factor, maxMs = 60_000 } = options;
  return (attempt) => Math.min(Math.round(initialMs * factor ** attempt), maxMs);
}
