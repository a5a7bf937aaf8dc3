// What goes along with a channel, for those who may listen to it (PROTOCOL §13.3).
import { companion, companionOf } from "@trunkline/core/wire";

/** The streams that end for whoever is taken off `channel`; none where it is one of them. */
export function companionsOf(channel: string): readonly string[] {
  return companionOf(channel) === null ? [companion("members", channel), companion("count", channel)] : [];
}
