export { type Channels, type ChannelsOptions, createChannels, type OpenOptions } from "./create-channels.ts";
export type { Channel, ChannelEventArgs, ChannelEventName, ChannelLifecycle, EventData } from "./channel.ts";
export type { HistoryOptions, HistoryPage } from "./history-requests.ts";
export type { Presence, PresenceEvents, PresenceStatus } from "./presence.ts";
export type { Member } from "./presence-table.ts";
export type { ChannelStatus } from "./subscriptions.ts";
