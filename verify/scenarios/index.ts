import { jitter } from "./jitter.ts";
import type { Scenario } from "./scenario.ts";

export const scenarios: readonly Scenario[] = [jitter];
