// A line per event that was accepted, for those who debug. Payloads are in it only as the app has made them fit to be read.
import type { Logger } from "@trunkline/core/ports";
import type { AcceptedEvent } from "@trunkline/core/publish";
import { isThenable } from "./thenable.ts";

/** An event whose payload is about to be logged. */
export type LoggedEvent = Pick<AcceptedEvent, "channel" | "event" | "data">;

/** What may stand in the log of an event's payload. Synchronous. Where it throws, the line has no payload. */
export type LogPayload = (event: LoggedEvent) => unknown;

export interface PublishLogOptions {
  readonly logger: Logger;
  /** Absent: payloads are not logged. */
  readonly logPayload: LogPayload | undefined;
  /** `logPayload` failed. */
  readonly onFailure: (cause: unknown) => void;
}

/** Logs events at level debug. */
export function publishLog({ logger, logPayload, onFailure }: PublishLogOptions): (event: AcceptedEvent) => void {
  return ({ account, channel, event, bytes, data }) => {
    const fields = { account, channel, event, bytes };
    if (logPayload === undefined) return logger.debug("event accepted", fields);
    try {
      const payload = logPayload({ channel, event, data });
      if (isThenable(payload)) {
        // What nobody waits for must not end the process.
        void Promise.resolve(payload).catch(() => {});
        throw new TypeError("expected what may be logged, got a promise: logPayload must be synchronous");
      }
      logger.debug("event accepted", { ...fields, data: payload });
    } catch (cause) {
      onFailure(cause);
      logger.debug("event accepted", fields);
    }
  };
}
