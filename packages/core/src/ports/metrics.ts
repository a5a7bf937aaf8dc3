/** What a client counts (W-14). Every method is called synchronously and must not throw. */
export interface ClientMetrics {
  /** 1 while connected, else 0. */
  connected(value: 0 | 1): void;
  /** An event reached the dispatcher; `lagMs` since the gateway accepted it, when clocks allow (never negative). */
  event(lagMs: number | undefined): void;
  /** A link was lost and another attempt follows. */
  reconnect(): void;
}
