export { type RedisAccessOptions } from "./access-options.ts";
export { type RedisClient } from "./client-place.ts";
export { type RedisBrokerOptions, redisBrokerDefaults } from "./options.ts";
export { redisBroker } from "./redis-broker.ts";
export { type RedisNode, redisUrlProblem } from "./redis-url.ts";
export { redisRegistry } from "./registry/redis-registry.ts";
export { type RedisRegistryOptions, redisRegistryDefaults } from "./registry/registry-options.ts";
