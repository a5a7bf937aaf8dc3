import { type Address, type Gateway, type GatewayOptions, createGateway } from "@trunkline/gateway";
import { onTestFinished } from "vitest";

/** Keys of the gateways that tests start. */
export const testKeys = {
  acme: "sk_acme_secret",
  globex: "sk_globex_secret",
  page: "pk_news_public",
} as const;

export interface StartedGateway extends Address {
  readonly gateway: Gateway;
  /** Where clients connect: `ws://…/api/ws/v1/events`. */
  readonly socketUrl: string;
}

/** A gateway on a free port with three keys (two accounts, one page), closed when the test ends. */
export async function startGateway(options: GatewayOptions = {}): Promise<StartedGateway> {
  const gateway = createGateway({
    secretKeys: [
      { key: testKeys.acme, account: "acme" },
      { key: testKeys.globex, account: "globex" },
    ],
    publicKeys: [{ key: testKeys.page, channel: "news", account: "acme" }],
    ...options,
  });
  onTestFinished(() => gateway.close({ drainMs: 0 }));
  const address = await gateway.listen({ port: 0 });
  return { gateway, ...address, socketUrl: `${address.url.replace("http", "ws")}/api/ws/v1/events` };
}
