import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect, it } from "vitest";
import { socketPair } from "./socket-pair.ts";

it("carries bytes both ways in order, and an end for each way", async () => {
  const [left, right] = socketPair();
  const heard = text(right);
  for (const part of ["one ", "two ", "three"]) left.write(part);
  left.end();
  expect(await heard).toBe("one two three");
  // Half-closed, as TCP is.
  right.end("answer");
  expect(await text(left)).toBe("answer");
});

it("tells nothing while it is written to", async () => {
  const [left, right] = socketPair();
  let writing = true;
  right.on("data", () => expect(writing).toBe(false));
  left.write("x");
  writing = false;
  await once(right, "data");
});

it("holds back who writes to an end that nobody reads, and loses nothing of it", async () => {
  const [left, right] = socketPair();
  const chunk = Buffer.alloc(16_384, "x");
  let written = 0;
  while (left.write(chunk)) written += 1;
  expect(written).toBeLessThan(20);
  await new Promise((resolve) => setImmediate(resolve));
  expect(left.writableLength).toBeGreaterThan(0);
  left.end();
  // The write that was told to wait counts too.
  expect(await text(right)).toHaveLength((written + 1) * chunk.length);
});

it("dropped at one end, the other still reads what was on its way, then the end, and can't write", async () => {
  const [left, right] = socketPair();
  left.write("last words");
  left.destroy();
  expect(await text(right)).toBe("last words");
  const failed = once(right, "error");
  right.write("anybody there?");
  expect((await failed)[0]).toMatchObject({ message: "the other end is gone" });
});
