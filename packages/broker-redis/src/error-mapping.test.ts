import { GatewayError } from "@trunkline/core/errors";
import { describe, expect, it } from "vitest";
import { AnswerError, LostError, asPortError } from "./error-mapping.ts";

describe("error mapping", () => {
  it.each([
    ["WRONGPASS invalid username-password pair or user is disabled.", "correct them"],
    ["NOAUTH Authentication required.", "give one"],
    ["NOPERM this user has no permissions to run the 'evalsha' command", "lacks a permission"],
    ["READONLY You can't write against a read only replica.", "read-only replica"],
    ["OOM command not allowed when used memory > 'maxmemory'.", "Redis is full"],
    ["LOADING Redis is loading the dataset in memory", "loading its data"],
    ["CLUSTERDOWN The cluster is down", "does not serve all its slots"],
    ["WRONGTYPE Operation against a key holding the wrong kind of value", "another prefix"],
    ["ERR something new", "ERR something new"],
  ])("%s is gateway.unavailable and says what to do", (text, said) => {
    const error = asPortError(new AnswerError(text));
    expect(error).toBeInstanceOf(GatewayError);
    expect(error.code).toBe("gateway.unavailable");
    expect(error.message).toContain(said);
  });

  it("carries nothing of the command along", () => {
    const failed = Object.assign(new Error("WRONGPASS no"), { command: { name: "auth", args: ["hunter2"] } });
    const error = asPortError(failed);
    expect(JSON.stringify([error, error.cause, Object.entries(error.cause as object)])).not.toContain("hunter2");
  });

  it("an error of the port stays as it is; a lost connection is unavailable", () => {
    const known = new GatewayError("gateway.limit", "x");
    expect(asPortError(known)).toBe(known);
    expect(asPortError(new LostError("gone")).code).toBe("gateway.unavailable");
  });
});
