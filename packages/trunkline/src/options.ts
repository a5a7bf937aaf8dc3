import type { ClientOptions, Contract } from "@trunkline/core";

/** Options of the client; the transport is picked by the platform unless given. */
export type Options<C extends Contract = Contract> = Omit<ClientOptions<C>, "transport"> &
  Partial<Pick<ClientOptions, "transport">>;
