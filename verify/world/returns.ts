import type { Replay } from "./fleet.ts";

/** How long each client took from `heals`, when its way was free again, to having everything, in milliseconds. */
export function returnsMs(
  heals: readonly { readonly client: number; readonly at: number }[],
  replays: readonly Replay[],
): readonly number[] {
  const byClient = new Map<number, Replay[]>();
  for (const replay of replays) {
    const list = byClient.get(replay.client);
    if (list === undefined) byClient.set(replay.client, [replay]);
    else list.push(replay);
  }
  return heals.flatMap(({ client, at }) => {
    // A client may not have noticed a short cut at all.
    const back = byClient.get(client)?.find(({ caughtUpAt }) => caughtUpAt >= at);
    return back === undefined ? [] : [back.caughtUpAt - at];
  });
}
