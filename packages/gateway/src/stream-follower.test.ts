import { ManualClock } from "@trunkline/core/testing";
import type { Broker, Entry, StreamName } from "@trunkline/core/ports";
import { expect, it, onTestFinished } from "vitest";
import { isSnapshot } from "./verdict.ts";
import { memoryBroker } from "./memory-broker.ts";
import type { StreamEar } from "./followed-stream.ts";
import { StreamFollower } from "./stream-follower.ts";
import { lossyBroker } from "../../../test/support/lossy-broker.ts";

const stream = "acme/news" as StreamName;

/** All that was under way is done. */
const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

function followerOn(broker: Broker) {
  const clock = new ManualClock();
  const errors: unknown[] = [];
  const follower = new StreamFollower({ broker, clock, onError: (error) => errors.push(error) });
  onTestFinished(() => follower.close());
  return { follower, clock, errors };
}

/** Notes all it hears. `then`: does more at each entry. */
function notes(then: (entry: Entry) => void = () => {}) {
  const heard: string[] = [];
  const ear: StreamEar = {
    onEntry: (entry) => {
      heard.push(`${entry.body}${entry.deleted === true ? " deleted" : ""}`);
      then(entry);
    },
    onBreak: (news) => heard.push(`${news.verdict} ${news.channel}${isSnapshot(news) ? ", whole state" : ""}`),
    onVolatile: (body) => heard.push(`volatile ${body}`),
  };
  return { ear, heard };
}

it("tells each entry once and in order, what its ear appends meanwhile after it", async () => {
  const broker = memoryBroker();
  const { follower } = followerOn(broker);
  await broker.append(stream, { body: "0" });
  const { ear, heard } = notes(({ body }) => void (body === "1" && broker.append(stream, { body: "2" })));
  await follower.follow(stream, ear).ready();
  await broker.append(stream, { body: "1" });
  await broker.broadcast(stream, "now");
  await broker.append(stream, { body: "3", state: { key: "a", deleted: false } });
  expect(heard).toEqual(["1", "2", "volatile now", "3"]);
});

it("reads what was lost once it doubts, and by itself when heads are compared; its ear may append on it", async () => {
  const broker = memoryBroker();
  const { via, wire } = lossyBroker(broker);
  const { follower, clock, errors } = followerOn(via);
  const { ear, heard } = notes(({ body }) => void (body === "1" && broker.append(stream, { body: "3" })));
  const followed = follower.follow(stream, ear);
  await followed.ready();
  wire.lost = true;
  for (const body of ["1", "2"]) await broker.append(stream, { body });
  wire.lost = false;
  for (const each of wire.listeners) each.onDoubt(stream);
  await settled();
  expect(heard).toEqual(["1", "2", "3"]);
  wire.lost = true;
  await broker.append(stream, { body: "4" });
  const checked = follower.checkHeads();
  await settled();
  clock.advance(500);
  await checked;
  await settled();
  expect(heard).toEqual(["1", "2", "3", "4"]);
  expect([followed.head.offset, errors]).toEqual([4, []]);
});

it("tells what is gone for good in its place", async () => {
  const broker = memoryBroker({ history: { count: 2 } });
  const { via, wire } = lossyBroker(broker);
  const { follower } = followerOn(via);
  const { ear, heard } = notes();
  await follower.follow(stream, ear, { label: "news" }).ready();
  wire.lost = true;
  for (const body of ["1", "2", "3"]) await broker.append(stream, { body });
  for (const each of wire.listeners) each.onDoubt(stream);
  await settled();
  wire.lost = false;
  await broker.append(stream, { body: "4" });
  expect(heard).toEqual(["gap news", "4"]);
});

it("begins with the whole state where that is asked for, told before it is ready", async () => {
  const broker = memoryBroker();
  const { follower } = followerOn(broker);
  await broker.append(stream, { body: "log" });
  for (const key of ["a", "b"]) await broker.append(stream, { body: key, state: { key, deleted: false } });
  const { ear, heard } = notes();
  const followed = follower.follow(stream, ear, { wholeState: true });
  expect(followed.isReady).toBe(false);
  await followed.ready();
  expect([heard, followed.isReady]).toEqual([["a", "b"], true]);
  await broker.append(stream, { body: "a", state: { key: "a", deleted: true } });
  expect(heard).toEqual(["a", "b", "a deleted"]);
});

it("is not stopped by an ear that throws", async () => {
  const broker = memoryBroker();
  const { follower, errors } = followerOn(broker);
  const { ear, heard } = notes(({ body }) => {
    if (body === "1") throw new Error("no");
  });
  await follower.follow(stream, ear).ready();
  for (const body of ["1", "2"]) await broker.append(stream, { body });
  expect([heard, errors]).toEqual([["1", "2"], [new Error("no")]]);
});

it("stops, and follows again from then on", async () => {
  const broker = memoryBroker();
  const { follower } = followerOn(broker);
  const [first, second] = [notes(), notes()];
  const followed = follower.follow(stream, first.ear);
  await followed.ready();
  const stopped = followed.stop();
  const again = follower.follow(stream, second.ear);
  await Promise.all([stopped, again.ready(), followed.stop()]);
  await broker.append(stream, { body: "1" });
  await follower.close();
  await broker.append(stream, { body: "2" });
  expect([first.heard, second.heard]).toEqual([[], ["1"]]);
});

it("is not ready while the broker can't be used, and asks again", async () => {
  const broker = memoryBroker();
  const { via, wire } = lossyBroker(broker);
  const { follower } = followerOn(via);
  const { ear, heard } = notes();
  const followed = follower.follow(stream, ear);
  wire.failures = 1;
  await expect(followed.ready()).rejects.toThrow("away");
  await followed.ready();
  await broker.append(stream, { body: "1" });
  expect(heard).toEqual(["1"]);
});
