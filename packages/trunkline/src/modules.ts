// What stands on a client. Apart from the client's own exports, because the script-tag bundle leaves it out.
export {
  type Changes,
  type DeletedItem,
  type Item,
  type ItemChange,
  type ItemVersion,
  type Loaded,
  type LoadRequest,
  type PlatformSignal,
  type Position,
  sync,
  type Synced,
  type SyncOptions,
  type SyncStatus,
} from "@trunkline/core";
