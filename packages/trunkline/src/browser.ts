// The front door for browsers, workers and edge runtimes: the client over the standard WebSocket.
import { type Client, type Contract, createClient as createAnyClient } from "@trunkline/core";
import { webSocketTransport } from "@trunkline/transport-browser";
import type { Options } from "./options.ts";

/** A client over the standard WebSocket. See `createClient` of `@trunkline/core`. */
export function createClient<C extends Contract = Contract>(options: Options<C>): Client<C> {
  return createAnyClient({ transport: webSocketTransport(), ...options });
}
export type { Options };
export * from "./api.ts";
export * from "./modules.ts";
