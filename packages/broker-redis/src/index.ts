export { type RedisClient } from "./client-place.ts";
export { type RedisBrokerOptions, redisBrokerDefaults } from "./options.ts";
export { redisBroker } from "./redis-broker.ts";
export { type RedisNode, redisUrlProblem } from "./redis-url.ts";
