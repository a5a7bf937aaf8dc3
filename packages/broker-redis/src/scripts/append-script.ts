import { type ScriptSettings, streamLua } from "./stream-lua.ts";
import { type Script, script } from "./script.ts";

/**
 * Stores and publishes a batch of appends of one stream: all of it or, when it fails, nothing.
 *
 * ARGV 3: how many of the fixed keys are given, 2 or 5; the keys behind them are one per append that has a dedupe key. Then per
 * append: kind, tag, body. A kind of "s" (value) or "x" (deletion) is followed by the state key, "S" and "X" by that and how many keys
 * the stream may have, "l" (log) by neither; with a "d" behind it, by the body's digest and the age of the first attempt (-1: there was none).
 *
 * Answers birth, then code, place and tag of each append: 1 appended, 2 duplicate, 3 conflict, 4 unknown, 5 too many keys. An empty
 * answer: nothing was done, because all five fixed keys are needed.
 */
export function appendScript(settings: ScriptSettings): Script {
  const { historyCount, historyAgeMs, maxKeys, windowMs, publish } = settings;
  // Nodes of a Redis Stream are trimmed whole; what is too many for the promise is left out when it is read.
  const trim = `'MAXLEN', '~', ${historyCount + 1}`;
  const { look, open, putOff, forgetGraves } = streamLua(settings);
  return script(`${look}
local fixed = tonumber(ARGV[3])
if fixed == 2 and (not birth or (revision > 0 and now >= putOffAt)) then return {} end
${open}
-- Keys that are made here have no expiry yet.
local made = offset == 0 and revision == 0
local time = now
if newest > now then time = newest end
local answer, at, bodies, stored = { birth }, {}, {}, 0
local logTag, stateTag = false, false

local i, nextDedupe, answered = 4, fixed + 1, 1
while ARGV[i] do
  local kind, tag, body = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  i = i + 3
  local code, place, placeTag, key, dedupe, digest, mayKeys = 1, 0, tag, false, false, false, ${maxKeys}
  if kind ~= 'l' then
    if kind ~= 'ld' then
      key = ARGV[i]
      i = i + 1
      if string.byte(kind) < 97 then
        mayKeys, kind = tonumber(ARGV[i]), string.lower(kind)
        i = i + 1
      end
      if not stateTag then ${forgetGraves} end
    end
    if #kind == 2 then
      dedupe, digest = KEYS[nextDedupe], ARGV[i]
      local firstAgo = tonumber(ARGV[i + 1])
      nextDedupe = nextDedupe + 1
      i = i + 2
      local seen = redis.call('GET', dedupe)
      local ofBirth, ofDigest, ofPlace, ofTag = string.match(seen or '', '^(%S+) (%S+) (%d+) (%d+)$')
      if ofBirth == birth then
        if ofDigest == digest then code, place, placeTag = 2, tonumber(ofPlace), ofTag else code = 3 end
      elseif firstAgo >= ${windowMs} or (firstAgo >= 0 and now - firstAgo < tonumber(redis.call('HGET', meta, 's'))) then
        code = 4
      end
    end
    if code == 1 and key and redis.call('HEXISTS', values, key) == 0 and redis.call('ZCARD', order) >= mayKeys then
      code = 5
    end
  end
  if code == 1 then
    stored = stored + 1
    if key then
      local deleted = string.sub(kind, 1, 1) == 'x'
      made = made or deleted or revision == 0
      revision, stateTag = revision + 1, tag
      redis.call('HSET', values, key, revision .. ' ' .. tag .. ' ' .. time .. (deleted and ' 1 ' or ' 0 ') .. body)
      redis.call('ZADD', order, revision, key)
      if deleted then redis.call('ZADD', graves, revision, key) else redis.call('ZREM', graves, key) end
      place = revision
      at[stored] = '["state",' .. place .. ',' .. tag .. (deleted and ',1]' or ']')
    else
      local id = offset + 1 .. '-' .. tag
      if not redis.call('XADD', log, 'NOMKSTREAM', ${trim}, id, 't', time, 'b', body) then
        -- The history ran out and took the newest event along: its tag stays known as the mark of the floor.
        if offset > 0 then
          redis.call('XADD', log, offset .. '-' .. (logTag or redis.call('HGET', meta, 't')), 't', 0, 'b', '')
        end
        redis.call('XADD', log, id, 't', time, 'b', body)
        putOffLogAt = 0
      end
      offset, logTag = offset + 1, tag
      place = offset
      at[stored] = '["log",' .. place .. ',' .. tag .. ']'
    end
    bodies[stored] = body
    if dedupe then
      redis.call('SET', dedupe, birth .. ' ' .. digest .. ' ' .. place .. ' ' .. tag, 'PX', ${windowMs})
    end
  end
  answer[answered + 1], answer[answered + 2], answer[answered + 3] = code, place, placeTag
  answered = answered + 3
end

if logTag then
  redis.call('HSET', meta, 'o', offset, 't', logTag, 'h', time)
  if now >= putOffLogAt then
    redis.call('HSET', meta, 'l', now + ${Math.floor(historyAgeMs / 8)})
    redis.call('PEXPIRE', log, ${Math.max(Math.floor(historyAgeMs * 1.25), 1000)})
  end
end
if stateTag then redis.call('HSET', meta, 'r', revision, 'q', stateTag, 'h', time) end
if stored > 0 then
  redis.call('${publish}', log, '{"v":1,"kind":"event","src":"' .. ARGV[1] .. '","birth":"' .. birth .. '","time":' .. time
    .. ',"at":[' .. table.concat(at, ',') .. ']}\\030' .. table.concat(bodies, '\\030'))
end
if made or now >= putOffAt then ${putOff} end
return answer
`);
}
