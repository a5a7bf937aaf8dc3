// All that a stream's state line holds, whatever its size.
import type { Broker, Entry, StreamName } from "@trunkline/core/ports";

const pageKeys = 1000;

/** By key, the oldest change first, without what is deleted. @throws what the broker's `read` throws */
export async function stateKeys(
  broker: Broker,
  stream: StreamName,
): Promise<readonly (readonly [key: string, Entry])[]> {
  // What changes while it is read comes again, at the end; a deletion takes back what was read before it.
  const entries = new Map<string, Entry>();
  let revision = 0;
  for (;;) {
    const { state } = await broker.read(stream, { offset: 0, revision }, pageKeys);
    for (const entry of state.entries) {
      const { key } = JSON.parse(entry.body) as { readonly key: string };
      entries.delete(key);
      if (entry.deleted !== true) entries.set(key, entry);
      revision = entry.offset;
    }
    if (state.entries.length === state.count) return [...entries];
  }
}
