// What all scripts begin with: where the stream is, and a new one when there is none. Bounds are written into the scripts, not
// sent with each call: on the way of every event, an argument more costs Redis and its clients a third of a microsecond.

export interface ScriptSettings {
  readonly historyCount: number;
  readonly historyAgeMs: number;
  readonly maxKeys: number;
  readonly windowMs: number;
  readonly headTtlMs: number;
  /** `PUBLISH`, or `SPUBLISH` in a Cluster. */
  readonly publish: string;
}

/** How long a stream that was asked for but never written is remembered, in milliseconds. */
const unwrittenMs = 3_600_000;

/**
 * KEYS 1–5: log, meta, values, order, graves. ARGV 1: source, which begins the birth of a stream that begins here; 2: the run, which
 * is another when Redis may have lost something.
 *
 * Fields of meta: b birth; e the run that was here last, s since when; o, t head of the log; r, q head of the state line, f its
 * floor; h time of the newest event; x, l when the expiry of all keys, of the log has to be put off.
 */
export interface StreamLua {
  /** Reads meta into locals. */
  readonly look: string;
  /** Begins the stream when there is none, and notes a new run. */
  readonly open: string;
  /** Puts off the expiry of all keys but the log, whose life is its own. */
  readonly putOff: string;
  /** Forgets deletions older than the history, but never the newest change: readers have to come up to it. */
  readonly forgetGraves: string;
}

/** Blocks of Lua, not functions: making a closure costs a script more than most of what it does. */
export function streamLua({ historyAgeMs, headTtlMs }: ScriptSettings): StreamLua {
  // Keys go a while after what is promised, and the others after meta, so that without meta there is nothing to read.
  const slack = Math.floor(headTtlMs / 64) + 1;
  const unwritten = Math.min(headTtlMs, unwrittenMs);
  const look = `
local log, meta, values, order, graves = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local m = redis.call('HMGET', meta, 'b', 'e', 'o', 'h', 'r', 'x', 'l')
local birth, run, offset, newest = m[1], m[2], tonumber(m[3] or 0), tonumber(m[4] or 0)
local revision, putOffAt, putOffLogAt = tonumber(m[5] or 0), tonumber(m[6] or 0), tonumber(m[7] or 0)
`;
  const open = `
if not birth or run ~= ARGV[2] then
  if not birth then
    birth = ARGV[1] .. string.format('%x%05x', clock[1], clock[2])
    -- Only when there is something: a full Redis lets a script that has deleted go on writing.
    if redis.call('EXISTS', log, values, order, graves) > 0 then redis.call('DEL', log, values, order, graves) end
  end
  redis.call('HSET', meta, 'b', birth, 'e', ARGV[2], 's', now)
end
`;
  const putOff = `
if offset == 0 and revision == 0 then
  redis.call('HSET', meta, 'x', now + ${Math.floor(unwritten / 4)})
  redis.call('PEXPIRE', meta, ${unwritten + Math.ceil(unwritten / 2)})
else
  redis.call('HSET', meta, 'x', now + ${slack})
  redis.call('PEXPIRE', meta, ${headTtlMs + 2 * slack})
  if revision > 0 then
    redis.call('PEXPIRE', values, ${headTtlMs + 4 * slack})
    redis.call('PEXPIRE', order, ${headTtlMs + 4 * slack})
    redis.call('PEXPIRE', graves, ${headTtlMs + 4 * slack})
  end
end
`;
  const forgetGraves = `
while true do
  local first = redis.call('ZRANGE', graves, 0, 0, 'WITHSCORES')
  local at = tonumber(first[2])
  if at == nil or at == revision then break end
  local packed = redis.call('HGET', values, first[1])
  if packed and tonumber(string.match(packed, '^%d+ %d+ (%d+)')) >= now - ${historyAgeMs} then break end
  redis.call('ZREM', graves, first[1])
  redis.call('ZREM', order, first[1])
  redis.call('HDEL', values, first[1])
  redis.call('HSET', meta, 'f', at)
end
`;
  return { look, open, putOff, forgetGraves };
}
