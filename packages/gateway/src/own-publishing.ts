// What gateway code publishes by itself, in any account: the verbs of a publisher, over the gateway's broker.
import type { Clock, Logger } from "@trunkline/core/ports";
import {
  type Publishes,
  type Publishing,
  type PublishingOptions,
  type VerbsOptions,
  brokerSend,
  createPublishing,
  createVerbs,
  defaultAccount,
} from "@trunkline/core/publish";
import { closedError } from "./closed-error.ts";

export interface OwnPublishingOptions extends Pick<
  PublishingOptions,
  "broker" | "contract" | "maxEventBytes" | "observer"
> {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly isClosed: () => boolean;
}

export class OwnPublishing {
  /** What the gateway's doors publish by, too. */
  readonly publishing: Publishing;
  readonly #options: OwnPublishingOptions;

  constructor(options: OwnPublishingOptions) {
    this.#options = options;
    this.publishing = createPublishing(options);
  }

  /** @throws {UsageError} `usage.bad-argument` when `account` can't be one */
  send(account: string = defaultAccount): VerbsOptions["send"] {
    const { clock, isClosed } = this.#options;
    const send = brokerSend(this.publishing, account, "gateway.publish", clock);
    return async (request, wait) => {
      if (isClosed()) throw closedError("publish");
      return send(request, wait);
    };
  }

  /** @throws {UsageError} `usage.bad-argument` when `account` can't be one */
  publisher(account?: string): Publishes {
    const { clock, logger } = this.#options;
    return createVerbs({ send: this.send(account), clock, logger });
  }
}
