import type { StreamName } from "@trunkline/core/ports";
import { describe, expect, it } from "vitest";
import { AppendQueue, takeBatch } from "./append-queue.ts";
import type { PendingAppend } from "./pending-append.ts";

const pending = (body: string): PendingAppend => ({
  append: { body },
  tag: 0,
  dedupeKey: null,
  acceptedAt: 0,
  resolve() {},
  reject() {},
});
const [one, two] = ["acme/one", "acme/two"] as StreamName[] as [StreamName, StreamName];

describe("append queue", () => {
  it("has one batch per stream under way; what comes meanwhile is the next, in order; streams don't wait for each other", async () => {
    const batches: { readonly stream: StreamName; readonly bodies: readonly string[]; readonly done: () => void }[] =
      [];
    const queue = new AppendQueue(
      (stream, batch) =>
        new Promise((done) => batches.push({ stream, bodies: batch.map(({ append }) => append.body), done })),
    );
    queue.push(one, pending("1"));
    queue.push(two, pending("a"));
    await Promise.resolve();
    queue.push(one, pending("2"));
    queue.push(one, pending("3"));
    const idle = queue.idle();
    expect(batches.map(({ bodies }) => bodies)).toEqual([["1"], ["a"]]);
    for (let index = 0; index < 3; index++) {
      batches[index]?.done();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(batches.map(({ stream, bodies }) => [stream, bodies])).toEqual([
      [one, ["1"]],
      [two, ["a"]],
      [one, ["2", "3"]],
    ]);
    await idle;
  });

  it("a batch is bounded in number and size, and holds at least one", () => {
    const many = Array.from({ length: 300 }, () => pending("{}"));
    expect([takeBatch(many).length, many.length]).toEqual([256, 44]);
    const large = Array.from({ length: 3 }, () => pending("x".repeat(200_000)));
    expect([takeBatch(large).length, large.length]).toEqual([1, 2]);
    expect(takeBatch([pending("x".repeat(1_000_000))])).toHaveLength(1);
  });
});
