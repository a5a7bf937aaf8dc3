import { openStream } from "./open-stream.ts";
import { script } from "./script.ts";

/**
 * Stores and publishes a batch of appends of one stream: all of it or, when it fails, nothing.
 *
 * KEYS 6…: one per append that has a dedupe key. ARGV 5–10: PUBLISH or SPUBLISH, channel, source, events kept, state keys at
 * most, dedupe window. Then per append: kind, tag, body; a kind of "s" (value) or "x" (deletion) is followed by the state key, "l"
 * (log) is not; with a "d" behind it, by the body's digest and the age of the first attempt (-1: there was none).
 *
 * Answers birth, then code, place and tag of each append: 1 appended, 2 duplicate, 3 conflict, 4 unknown, 5 too many keys.
 */
export const appendScript = script(`${openStream}
local keep, maxKeys, window = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
openStream()
local time = math.max(now, newest)
local answer, at, bodies = { birth }, {}, {}
local stateUsed = false
local logRenewed = false

local function storeLog(newTag, body)
  local id = text(offset + 1) .. '-' .. newTag
  if not redis.call('XADD', log, 'NOMKSTREAM', 'MAXLEN', '~', keep + 1, id, 't', text(time), 'b', body) then
    -- The history ran out and took the newest event along: its tag stays known as the mark of the floor.
    if offset > 0 then redis.call('XADD', log, text(offset) .. '-' .. tag, 't', '0', 'b', '') end
    redis.call('XADD', log, id, 't', text(time), 'b', body)
    logRenewed = true
  end
  offset, tag = offset + 1, newTag
end

local function storeState(key, deleted, newTag, body)
  revision, mark = revision + 1, newTag
  redis.call('HSET', values, key, text(revision) .. ' ' .. newTag .. ' ' .. text(time) .. ' ' .. deleted .. ' ' .. body)
  redis.call('ZADD', order, text(revision), key)
  if deleted == '1' then redis.call('ZADD', graves, text(revision), key) else redis.call('ZREM', graves, key) end
end

local i, nextDedupe = 11, 6
while ARGV[i] do
  local line, deduped = string.sub(ARGV[i], 1, 1), #ARGV[i] == 2
  local newTag, body = ARGV[i + 1], ARGV[i + 2]
  i = i + 3
  local key, dedupe, digest, firstAgo
  if line ~= 'l' then key = ARGV[i] i = i + 1 end
  if deduped then
    dedupe, digest, firstAgo = KEYS[nextDedupe], ARGV[i], tonumber(ARGV[i + 1])
    nextDedupe = nextDedupe + 1
    i = i + 2
  end
  local code, place, placeTag = 1, 0, 0
  if deduped then
    local seen = redis.call('GET', dedupe)
    local ofBirth, withDigest, takenAt, takenTag = string.match(seen or '', '^(%S+) (%S+) (%d+) (%d+)$')
    if ofBirth == birth then
      if withDigest == digest then code, place, placeTag = 2, tonumber(takenAt), tonumber(takenTag) else code = 3 end
    elseif firstAgo >= window or (firstAgo >= 0 and now - firstAgo < since) then
      code = 4
    end
  end
  if code == 1 and key then
    if not stateUsed then forgetGraves() stateUsed = true end
    if redis.call('HEXISTS', values, key) == 0 and redis.call('ZCARD', order) >= maxKeys then code = 5 end
  end
  if code == 1 then
    if key then
      local deleted = line == 'x' and '1' or '0'
      if revision == 0 then putOff = 0 end
      storeState(key, deleted, newTag, body)
      place = revision
      at[#at + 1] = '["state",' .. text(revision) .. ',' .. newTag .. (line == 'x' and ',1]' or ']')
    else
      if offset == 0 then putOff = 0 end
      storeLog(newTag, body)
      place = offset
      at[#at + 1] = '["log",' .. text(offset) .. ',' .. newTag .. ']'
    end
    placeTag = tonumber(newTag)
    bodies[#bodies + 1] = body
    if deduped then
      redis.call('SET', dedupe, birth .. ' ' .. digest .. ' ' .. text(place) .. ' ' .. newTag, 'PX', text(window))
    end
  end
  answer[#answer + 1] = code
  answer[#answer + 1] = place
  answer[#answer + 1] = placeTag
end

if #bodies > 0 then
  if revision > 0 then
    redis.call('HSET', meta, 'o', text(offset), 't', tag, 'r', text(revision), 'rt', mark, 'h', text(time))
  else
    redis.call('HSET', meta, 'o', text(offset), 't', tag, 'h', text(time))
  end
  if offset > 0 and (logRenewed or now - logPutOff > age / 8) then
    redis.call('HSET', meta, 'l', text(now))
    redis.call('PEXPIRE', log, text(math.max(math.floor(age * 1.25), 1000)))
  end
  local header = '{"v":1,"kind":"event","src":"' .. ARGV[7] .. '","birth":"' .. birth .. '","time":' .. text(time)
    .. ',"at":[' .. table.concat(at, ',') .. ']}'
  redis.call(ARGV[5], ARGV[6], header .. '\\030' .. table.concat(bodies, '\\030'))
end
putOffExpiry()
return answer
`);
