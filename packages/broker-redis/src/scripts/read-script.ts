import { openStream } from "./open-stream.ts";
import { script } from "./script.ts";

/**
 * What a stream holds after a place. ARGV 5–8: events kept, offset, revision (-1: the state line is not read), limit.
 *
 * Answers birth, head offset, head tag, head revision, its tag, then of the log: floor, tag at the start (false: not known),
 * entries as XRANGE gives them; then of the state line: floor, tag at the start, count, packed values.
 */
export const readScript = script(`${openStream}
local keep, after, afterRevision, limit = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
openStream()
forgetGraves()
putOffExpiry()

local function entryAt(at)
  local from = text(at)
  return redis.call('XRANGE', log, from, from, 'COUNT', 1)[1]
end

-- An entry is history while it is among the newest and young enough; time never goes back along the log, so it is searched for.
local function logFloor()
  local first = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
  if not first then return offset end
  local firstOffset = tonumber(string.match(first[1], '^%d+'))
  local low, high = math.max(firstOffset - 1, offset - keep), offset
  while low < high do
    local middle = math.floor((low + high + 1) / 2)
    local entry = entryAt(middle)
    if entry and tonumber(entry[2][2]) >= now - age then high = middle - 1 else low = middle end
  end
  if low - firstOffset >= 100 then redis.call('XTRIM', log, 'MINID', '~', text(low)) end
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
  entries = redis.call('XRANGE', log, text(after + 1), '+', 'COUNT', limit)
end

local stateTag, count, packed = false, 0, {}
if afterRevision >= 0 then
  if afterRevision == 0 then
    stateTag = ''
  else
    local key = redis.call('ZRANGEBYSCORE', order, text(afterRevision), text(afterRevision))[1]
    local value = key and redis.call('HGET', values, key)
    if value then stateTag = string.match(value, '^%d+ (%d+)') end
  end
  local from = '(' .. text(afterRevision)
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
