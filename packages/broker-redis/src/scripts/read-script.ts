import { type ScriptSettings, streamLua } from "./stream-lua.ts";
import { type Script, script } from "./script.ts";

/**
 * What a stream holds after a place. ARGV 3–5: offset, revision (-1: the state line is not read), limit.
 *
 * Answers birth, head offset, head tag, head revision, its tag, then of the log: floor, tag at the start (false: not known),
 * entries as XRANGE gives them; then of the state line: floor, tag at the start, count, packed values.
 */
export function readScript(settings: ScriptSettings): Script {
  const { historyCount, historyAgeMs } = settings;
  const { look, open, putOff, forgetGraves } = streamLua(settings);
  return script(`${look}
local after, afterRevision, limit = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
${open}
if revision > 0 then ${forgetGraves} end
if now >= putOffAt then ${putOff} end
local heads = redis.call('HMGET', meta, 't', 'q', 'f')
local tag, mark, floor = heads[1] or '', heads[2] or '', tonumber(heads[3] or 0)

local function entryAt(at)
  return redis.call('XRANGE', log, at, at, 'COUNT', 1)[1]
end

-- An entry is history while it is among the newest and young enough. Time never goes back along the log: the floor is searched.
local function logFloor()
  local first = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
  if not first then return offset end
  local firstOffset = tonumber(string.match(first[1], '^%d+'))
  local low, high = math.max(firstOffset - 1, offset - ${historyCount}), offset
  while low < high do
    local middle = math.floor((low + high + 1) / 2)
    local entry = entryAt(middle)
    if entry and tonumber(entry[2][2]) >= now - ${historyAgeMs} then high = middle - 1 else low = middle end
  end
  if low - firstOffset >= 100 then redis.call('XTRIM', log, 'MINID', '~', low) end
  return low
end

local floorOfLog = logFloor()
local tagAtStart, entries = false, {}
if after == 0 then
  tagAtStart = ''
elseif after == offset then
  tagAtStart = tag
elseif after >= floorOfLog and after < offset then
  local entry = entryAt(after)
  if entry then tagAtStart = string.match(entry[1], '%d+$') end
end
if after >= floorOfLog and after < offset and limit > 0 then
  entries = redis.call('XRANGE', log, after + 1, '+', 'COUNT', limit)
end

local stateTag, count, packed = false, 0, {}
if afterRevision >= 0 then
  if afterRevision == 0 then
    stateTag = ''
  else
    local key = redis.call('ZRANGEBYSCORE', order, afterRevision, afterRevision)[1]
    local value = key and redis.call('HGET', values, key)
    if value then stateTag = string.match(value, '^%d+ (%d+)') end
  end
  local from = '(' .. afterRevision
  count = redis.call('ZCOUNT', order, from, '+inf')
  if limit > 0 then
    local keys = redis.call('ZRANGEBYSCORE', order, from, '+inf', 'LIMIT', 0, limit)
    -- Lua can't unpack more than some thousand arguments.
    for first = 1, #keys, 1000 do
      for _, value in ipairs(redis.call('HMGET', values, unpack(keys, first, math.min(first + 999, #keys)))) do
        packed[#packed + 1] = value
      end
    end
  end
end
return { birth, offset, tag, revision, mark, floorOfLog, tagAtStart, entries, floor, stateTag, count, packed }
`);
}
