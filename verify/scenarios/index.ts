import { jitter } from "./jitter.ts";
import { kill } from "./kill.ts";
import { redisCut } from "./redis-cut.ts";
import { redisFailover } from "./redis-failover.ts";
import { redisKept } from "./redis-kept.ts";
import { redisWiped } from "./redis-wiped.ts";
import { rolling } from "./rolling.ts";
import { slowReader } from "./slow-reader.ts";
import type { Scenario } from "./scenario.ts";

export const scenarios: readonly Scenario[] = [
  jitter,
  kill,
  rolling,
  redisKept,
  redisWiped,
  redisFailover,
  redisCut,
  slowReader,
];
