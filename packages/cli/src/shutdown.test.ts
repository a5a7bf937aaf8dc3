import { expect, it } from "vitest";
import { createShutdown } from "./shutdown.ts";

it("takes a second SIGINT within a second for the same Ctrl-C, and a later one for an order to quit", () => {
  const on = createShutdown();
  expect([on("SIGINT", 5_000), on("SIGINT", 5_003), on("SIGINT", 5_999), on("SIGINT", 6_000)]).toEqual([
    "drain",
    "ignore",
    "ignore",
    "quit",
  ]);
});

it("never quits for SIGTERM, however often it comes", () => {
  const on = createShutdown();
  expect([on("SIGTERM", 0), on("SIGTERM", 10_000), on("SIGINT", 10_001)]).toEqual(["drain", "ignore", "quit"]);
});
