import { expect, it } from "vitest";
import { parseInfo } from "./connection.ts";

it("reads who a Redis is from its answer to INFO", () => {
  const text = "# Server\r\nrun_id:abc\r\nrole:slave\r\nloading:1\r\nmaxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n";
  expect(parseInfo(text)).toEqual({ runId: "abc", role: "slave", loading: true, evicts: false });
  const full = "run_id:abc\r\nrole:master\r\nloading:0\r\nmaxmemory:100\r\nmaxmemory_policy:allkeys-lru\r\n";
  expect(parseInfo(full)).toEqual({ runId: "abc", role: "master", loading: false, evicts: true });
  expect(parseInfo(full.replace("allkeys-lru", "noeviction")).evicts).toBe(false);
});
