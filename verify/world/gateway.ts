import type { StatsSnapshot } from "@trunkline/gateway";
import { Child } from "./child-process.ts";

export interface GatewaySettings {
  /** Milliseconds that SIGTERM gives connections to leave. @defaultValue 5000 */
  readonly drainMs?: number;
  /** @defaultValue 25_000 */
  readonly heartbeatMs?: number;
  /** @defaultValue a memory of its own */
  readonly redis?: { readonly url: string; readonly durable?: boolean };
  /** @defaultValue as of `createGateway` */
  readonly presence?: { readonly graceMs?: number; readonly leaseMs?: number };
  readonly history?: { readonly count?: number; readonly ageMs?: number };
}

export interface GatewayCondition extends StatsSnapshot {
  /** The most that one socket ever held, in bytes. */
  readonly mostUnreadBytes: number;
  readonly mostResidentBytes: number;
}

/** A gateway in a process of its own. */
export class GatewayProcess {
  readonly url: string;
  readonly #child: Child;

  private constructor(child: Child, url: string) {
    this.#child = child;
    this.url = url;
  }

  static async start(settings: GatewaySettings = {}): Promise<GatewayProcess> {
    const child = new Child("gateway-process.ts");
    return new GatewayProcess(child, await child.ask<string>("open", settings));
  }

  condition(): Promise<GatewayCondition> {
    return this.#child.ask("condition");
  }

  /** SIGTERM, as a deploy does it; resolves with the exit code once it is gone. */
  terminate(): Promise<number | string> {
    this.#child.kill("SIGTERM");
    return this.#child.exited;
  }

  /** SIGKILL. */
  kill(): Promise<void> {
    return this.#child.end();
  }
}
