import { type ScriptSettings, streamLua } from "./stream-lua.ts";
import { type Script, script } from "./script.ts";

/** Where a stream is, which also keeps it from being forgotten. Answers birth, offset, tag, revision, its tag. */
export function headScript(settings: ScriptSettings): Script {
  const { look, open, putOff } = streamLua(settings);
  return script(`${look}${open}
if now >= putOffAt then ${putOff} end
local heads = redis.call('HMGET', meta, 't', 'q')
return { birth, offset, heads[1] or '', revision, heads[2] or '' }
`);
}
