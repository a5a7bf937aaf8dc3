// What a Redis registry runs. KEYS 1 is a hash: `:NAME` per channel, which is the number of its adding, then its position; `n` how many
// were added so far; `h` the holder; `r` the call that released it last. Redis ends the key by itself.
import { script } from "../scripts/script.ts";

/** ARGV 1: time to live of a key that begins; then field and position of each channel. */
export const addScript = script(`
local key = KEYS[1]
local count = redis.call('HGET', key, 'n')
local added = tonumber(count or 0)
for i = 2, #ARGV, 2 do
  if redis.call('HSETNX', key, ARGV[i], added .. ' ' .. ARGV[i + 1]) == 1 then added = added + 1 end
end
redis.call('HSET', key, 'n', added)
if not count then redis.call('PEXPIRE', key, ARGV[1]) end
`);

/** Answers fields and values in turn; none when the key is not known. */
export const readScript = script(`return redis.call('HGETALL', KEYS[1])`);

/** ARGV: holder, time to live. Answers as the read script. */
export const holdScript = script(`
local all = redis.call('HGETALL', KEYS[1])
if #all > 0 then
  redis.call('HSET', KEYS[1], 'h', ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return all
`);

/** ARGV: holder, time to live, a name of the call. Answers 1 when the holder was let go of by this call, also when it is sent again. */
export const releaseScript = script(`
local held = redis.call('HMGET', KEYS[1], 'h', 'r')
if held[1] == ARGV[1] then
  redis.call('HDEL', KEYS[1], 'h')
  redis.call('HSET', KEYS[1], 'r', ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return 1
end
return held[2] == ARGV[3] and 1 or 0
`);

/** KEYS: any number. ARGV 1: time to live. */
export const renewScript = script(`
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[1]) end
`);
