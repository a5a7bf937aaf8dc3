// What all scripts begin with: where the stream is, and a new one when there is none.

/** KEYS 1–5 of every script: log, meta, values, order, graves. ARGV 1–4: birth for a new stream, run, headTtlMs, ageMs. */
export const openStream = `
local log, meta, values, order, graves = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local run, ttl, age = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function text(number) return string.format('%.0f', number) end

-- o, t: head of the log. r, rt: head of the state line. f: its floor. b: birth. e: the run that was here last, s: since when.
-- h: time of the newest event. x, l: when the expiry of all keys, of the log was last put off.
local m = redis.call('HMGET', meta, 'b', 'o', 't', 'r', 'rt', 'f', 'e', 's', 'h', 'x', 'l')
local birth, offset, tag = m[1], tonumber(m[2] or 0), m[3] or ''
local revision, mark, floor = tonumber(m[4] or 0), m[5] or '', tonumber(m[6] or 0)
local since, newest, putOff, logPutOff = tonumber(m[8] or now), tonumber(m[9] or 0), tonumber(m[10] or 0), tonumber(m[11] or 0)

-- Keys go a while after what is promised, and the others after meta, so that without meta there is nothing to read.
local function putOffExpiry()
  local slack = math.floor(ttl / 64) + 1
  local life = ttl
  if offset == 0 and revision == 0 then life = math.min(ttl, 3600000) slack = math.floor(life / 4) + 1 end
  if now - putOff < slack then return end
  redis.call('HSET', meta, 'x', text(now))
  redis.call('PEXPIRE', meta, text(life + slack))
  if revision > 0 then
    for _, key in ipairs({ values, order, graves }) do redis.call('PEXPIRE', key, text(life + 4 * slack)) end
  end
end

local function openStream()
  if birth and m[7] == run then return end
  since = now
  if birth then redis.call('HSET', meta, 'e', run, 's', text(now)) return end
  birth = ARGV[1]
  if redis.call('EXISTS', log, values, order, graves) > 0 then redis.call('DEL', log, values, order, graves) end
  redis.call('HSET', meta, 'b', birth, 'e', run, 's', text(now))
end

-- Forgets deletions older than the history, but never the newest change: readers have to come up to it.
local function forgetGraves()
  if revision == 0 then return end
  while true do
    local first = redis.call('ZRANGE', graves, 0, 0, 'WITHSCORES')
    local at = tonumber(first[2])
    if at == nil or at == revision then return end
    local packed = redis.call('HGET', values, first[1])
    if packed and tonumber(string.match(packed, '^%d+ %d+ (%d+)')) >= now - age then return end
    redis.call('ZREM', graves, first[1])
    redis.call('ZREM', order, first[1])
    redis.call('HDEL', values, first[1])
    floor = at
    redis.call('HSET', meta, 'f', text(floor))
  end
end
`;
