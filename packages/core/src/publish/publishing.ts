// What a publish becomes on the broker, whoever publishes and whichever way it came.
import { systemClock } from "../clock/system-clock.ts";
import { GatewayError } from "../errors.ts";
import type { Appended, Broker } from "../ports/broker.ts";
import type { Clock } from "../ports/clock.ts";
import type { Logger } from "../ports/logger.ts";
import { type Contract, type Delivery, definitionOf } from "../wire/contract.ts";
import type { WireError } from "../wire/frame.ts";
import { byteLength } from "../wire/limits.ts";
import { type PublishReceipt, type PublishRequest, publishProblem } from "../wire/publish-request.ts";
import { accountChannel, streamName } from "./account.ts";
import { isChannelPattern } from "./channel-pattern.ts";
import { isTooDeep, tooDeep } from "./json-depth.ts";
import { patternPushStream, pushId, pushProblem, writePatternPush } from "./pattern-push.ts";

export interface PublishingOptions {
  readonly broker: Broker;
  /** Says which events are `state` or `volatile`; those it does not name are `log`. */
  readonly contract?: Contract | undefined;
  /** Largest event, as JSON text in bytes. @defaultValue 262_144 */
  readonly maxEventBytes?: number | undefined;
  /** @defaultValue nobody counts */
  readonly observer?: PublishObserver | undefined;
  /** Hears of broker failures. @defaultValue silent */
  readonly logger?: Logger | undefined;
  /** @defaultValue the system's */
  readonly clock?: Pick<Clock, "now"> | undefined;
}

/** Counts what becomes of publishes. Called synchronously; must not throw. */
export interface PublishObserver {
  refused(code: WireError["code"]): void;
  /** `durationMs`: from the call to the broker's answer. */
  accepted(delivery: Delivery, duplicate: boolean, durationMs: number): void;
  /** Sees each event that was accepted, repetitions left out. */
  readonly saw?: ((event: AcceptedEvent) => void) | undefined;
}

export interface AcceptedEvent {
  readonly account: string;
  /** Or the pattern. */
  readonly channel: string;
  readonly event: string;
  readonly data: unknown;
  /** Of the whole event as JSON. */
  readonly bytes: number;
}

/** Where a publish lands, and whose ids its `id` is compared with. */
export interface PublishScope {
  readonly account: string;
  /** The same for all publishes of one principal, such as its `keyId`. Holds no ":". */
  readonly dedupePrefix: string;
  /** Whether `channel` may be a pattern: then the event goes to all channels that match, as a `volatile` one. @defaultValue false */
  readonly patterns?: boolean;
}

/** `status` is the HTTP status that says the same. */
export type PublishOutcome =
  | { readonly ok: true; readonly receipt: PublishReceipt; readonly duplicate: boolean }
  | { readonly ok: false; readonly status: number; readonly error: WireError };

export interface Publishing {
  /**
   * Publishes one event. Never rejects. Order of calls is order of offsets: the broker is called before this returns.
   * The receipt's `stream` is the channel; a `volatile` event gets offset 0 and epoch "", and its `id` dedupes nothing,
   * since nothing of it is stored.
   * @param retryMs of a repetition: its first attempt was so many ms ago (PROTOCOL §8.6)
   */
  publish(scope: PublishScope, request: PublishRequest, retryMs?: number): Promise<PublishOutcome>;
}

/** In whose name code of the operator publishes, in a gateway or beside it: its ids are compared with each other alone. */
export const operatorPrefix = "gateway";

const maxEventBytesDefault = 256 * 1024;

export function createPublishing(options: PublishingOptions): Publishing {
  const { broker, contract, maxEventBytes = maxEventBytesDefault, observer, logger, clock = systemClock } = options;

  const refuse = (status: number, code: GatewayError["code"], message: string): PublishOutcome => {
    observer?.refused(code);
    return { ok: false, status, error: { code, message } };
  };

  return {
    async publish({ account, dedupePrefix, patterns = false }, request, retryMs) {
      const startedAt = clock.now();
      const problem = patterns ? pushProblem(request) : publishProblem(request);
      if (problem !== null) return refuse(400, "gateway.bad-request", problem);
      const { event, channel = accountChannel(account) } = request;
      const byPattern = isChannelPattern(channel);
      const id = byPattern ? pushId(request.id) : request.id;
      if (retryMs !== undefined && id === undefined)
        return refuse(400, "gateway.bad-request", "id: expected the one of the first attempt with retryMs, got none");
      const { delivery: defined, deletes = false } = definitionOf(contract, event);
      if (byPattern && defined === "state") {
        const message = "channel: expected the name of one channel for an event that is `state`, got a pattern";
        return refuse(400, "gateway.bad-request", message);
      }
      const delivery = byPattern ? "volatile" : defined;
      const { key = delivery === "state" ? event : undefined } = request;
      const body = bodyOf({ ...request, key, id });
      if (body === null)
        return refuse(400, "gateway.bad-request", "data: expected a JSON value, got one that JSON can't hold");
      if (isTooDeep(body)) return refuse(400, "gateway.bad-request", tooDeep);
      const bytes = byteLength(body);
      if (bytes > maxEventBytes) {
        return refuse(
          413,
          "gateway.too-large",
          `expected an event of at most ${maxEventBytes} bytes as JSON, got ${bytes}`,
        );
      }
      const stream = streamName(account, channel);
      let appended: Appended | null;
      try {
        if (delivery === "volatile" && retryMs !== undefined) {
          // Nothing is kept of the first attempt.
          appended = { kind: "unknown" };
        } else if (byPattern) {
          await broker.broadcast(patternPushStream, writePatternPush({ account, pattern: channel, body }));
          appended = null;
        } else if (delivery === "volatile") {
          await broker.broadcast(stream, body);
          appended = null;
        } else {
          appended = await broker.append(stream, {
            body,
            ...(id !== undefined && { dedupeKey: `${dedupePrefix}:${id}` }),
            ...(retryMs !== undefined && { retryMs }),
            ...(delivery === "state" && key !== undefined && { state: { key, deleted: deletes } }),
          });
        }
      } catch (error) {
        logger?.error("the broker did not take a publish", { error, channel, event });
        if (error instanceof GatewayError) return refuse(503, error.code, error.message);
        // A broker says when nothing was stored; whatever else it throws leaves that open.
        const message = "the broker failed, and nothing is known about this publish; repeat it with the same id";
        return refuse(503, "gateway.outcome-unknown", message);
      }
      if (appended?.kind === "conflict") {
        const message = `id: expected the body that was published with this id before, got another; use a new id for a new event`;
        return refuse(409, "gateway.conflict", message);
      }
      if (appended?.kind === "unknown") {
        const message = "nothing is kept that says whether the first attempt was executed; nothing was published now";
        return refuse(503, "gateway.outcome-unknown", message);
      }
      const duplicate = appended?.kind === "duplicate";
      observer?.accepted(delivery, duplicate, clock.now() - startedAt);
      if (!duplicate) observer?.saw?.({ account, channel, event, data: request.data, bytes });
      const { offset, epoch } = appended?.position ?? { offset: 0, epoch: "" };
      return { ok: true, receipt: { stream: channel, offset, epoch }, duplicate };
    },
  };
}

/**
 * The receipt, for those who called a method. `method` begins the message.
 * @throws {GatewayError} what `outcome` says
 */
export function receiptOf(outcome: PublishOutcome, method: string): PublishReceipt {
  if (outcome.ok) return outcome.receipt;
  throw new GatewayError(outcome.error.code as GatewayError["code"], `${method}: ${outcome.error.message}`);
}

/** The stored text of an event, or null when its data is none (a cycle, a function, a bigint). */
function bodyOf({
  event,
  data,
  key,
  id,
  meta,
}: Omit<PublishRequest, "key" | "id"> & Record<"key" | "id", string | undefined>): string | null {
  try {
    // Undefined has no JSON text; a function has none either, but stands for a mistake.
    if (data !== undefined && JSON.stringify(data) === undefined) return null;
    return JSON.stringify({ event, data: data ?? null, key, id, meta });
  } catch {
    return null;
  }
}
