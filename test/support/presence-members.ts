// Members of channels, frame by frame.
import type { Authenticator } from "@trunkline/gateway";
import { expect } from "vitest";
import { type FrameClient, type FrameOf, connectV1 } from "./frame-client.ts";

/** A token is the name of a user of acme, who may listen to everything, and attend what begins with "room". */
export const byName: Authenticator = ({ token }) => {
  if (token === undefined || token.startsWith("sk_") || token.startsWith("pk_")) return null;
  return { kind: "user", account: "acme", id: token, mayListen: ["*"], mayAttend: ["room*"] };
};

let refs = 0;
export async function askPresence(client: FrameClient, asked: object): Promise<FrameOf<"presence">> {
  const ref = refs++;
  client.send({ type: "presence", ref, ...asked });
  return client.next("presence");
}

export async function enter(client: FrameClient, channel: string, data?: unknown): Promise<FrameOf<"presence">> {
  return askPresence(client, { enter: [{ channel, ...(data !== undefined && { data }) }] });
}

/** A link of the user `name` that is on `channel` and a member of it. */
export async function memberOf(
  url: string,
  name: string,
  channel: string,
  { data, generation = 1 }: { readonly data?: unknown; readonly generation?: number } = {},
): Promise<FrameClient> {
  const client = await connectV1(url, { token: name, instance: name, generation, streams: [{ channel }] });
  expect(await enter(client, channel, data)).not.toHaveProperty("refused");
  return client;
}
