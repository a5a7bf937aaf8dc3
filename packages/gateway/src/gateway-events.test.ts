import { GatewayError } from "@trunkline/core/errors";
import type { Logger } from "@trunkline/core/ports";
import { expect, it } from "vitest";
import type { Connection } from "./connection.ts";
import { GatewayEmitter } from "./gateway-events.ts";

const connection = { id: "c" } as Connection;

function capture(): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  const line = (level: string) => (message: string) => void lines.push(`${level} ${message}`);
  return { logger: { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") }, lines };
}

it("every listener is called, whatever the one before it did; undo is safe twice", () => {
  let failures = 0;
  const events = new GatewayEmitter(undefined, () => (failures += 1));
  const called: string[] = [];
  const undo = events.on("connection", () => {
    called.push("first");
    throw new Error("first");
  });
  events.on("connection", ({ id }) => called.push(id));
  expect(events.emit("connection", connection)).toBeNull();
  undo();
  undo();
  void events.emit("connection", connection);
  expect(called).toEqual(["first", "c", "c"]);
  expect(failures).toBe(1);
});

it("async listeners are waited for, also when they reject", async () => {
  const events = new GatewayEmitter(undefined, () => {});
  const told: string[] = [];
  events.on("error", ({ message }) => told.push(message));
  events.on("connection", () => Promise.reject(new Error("late")));
  await events.emit("connection", connection);
  expect(told).toEqual(['a "connection" listener failed: late']);
});

it("without an error listener the error is a log line; an unknown error becomes a GatewayError", () => {
  const { logger, lines } = capture();
  const events = new GatewayEmitter(logger, () => {});
  events.report(new Error("boom"));
  const told: unknown[] = [];
  events.on("error", (error) => told.push(error));
  events.report("not an error");
  events.report(new GatewayError("gateway.unavailable", "broker"));
  expect(lines).toEqual(["error boom"]);
  expect(told).toMatchObject([{ code: "gateway.internal" }, { code: "gateway.unavailable" }]);
});

it("a failing error listener and a failing logger are counted and go round no further", () => {
  let failures = 0;
  const broken = (): never => {
    throw new Error("broken");
  };
  const events = new GatewayEmitter(
    { debug: broken, info: broken, warn: broken, error: broken },
    () => (failures += 1),
  );
  events.on("error", broken);
  events.logger.info("line");
  expect(failures).toBeGreaterThan(0);
});
