import { type ScriptSettings, openStream } from "./open-stream.ts";
import { type Script, script } from "./script.ts";

/** Where a stream is, which also keeps it from being forgotten. Answers birth, offset, tag, revision, its tag. */
export function headScript(settings: ScriptSettings): Script {
  return script(`${openStream(settings)}
if not birth or run ~= ARGV[2] then begin() end
if now >= putOffAt then putOff() end
local heads = redis.call('HMGET', meta, 't', 'q')
return { birth, offset, heads[1] or '', revision, heads[2] or '' }
`);
}
