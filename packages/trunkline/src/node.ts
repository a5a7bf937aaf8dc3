// The front door for Node: the client over ws, which can send headers.
import { type Client, type Contract, createClient as createAnyClient } from "@trunkline/core";
import { webSocketTransport } from "@trunkline/transport-node";
import type { Options } from "./options.ts";

/** A client over ws. See `createClient` of `@trunkline/core`. */
export function createClient<C extends Contract = Contract>(options: Options<C>): Client<C> {
  return createAnyClient({ transport: webSocketTransport(), ...options });
}
export type { Options };
export * from "./api.ts";
export * from "./modules.ts";
