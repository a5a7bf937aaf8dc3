// The scripts of one broker.
import { appendScript } from "./append-script.ts";
import { headScript } from "./head-script.ts";
import type { ScriptSettings } from "./stream-lua.ts";
import { readScript } from "./read-script.ts";
import type { Script } from "./script.ts";

export interface Scripts {
  readonly append: Script;
  readonly read: Script;
  readonly head: Script;
}

export function scriptsOf(settings: ScriptSettings): Scripts {
  return { append: appendScript(settings), read: readScript(settings), head: headScript(settings) };
}
