import { eventStreamStart, readEventStream } from "@trunkline/core/wire";
import { expect, it } from "vitest";
import { controlBlock, dataFrame, dataFrameBytes, eventBlock, idLine, oneLine } from "./event-stream-blocks.ts";

const position = { epoch: "e", offset: 3, tag: "t" };
const read = (text: string) => readEventStream(eventStreamStart, text)[1];

it("§11.1 an event has its name, its data and the position as its id", () => {
  expect(`${idLine(position)}${eventBlock("post.created", '{"a":1}')}`).toBe(
    'id: e:3:t\nevent: post.created\ndata: {"a":1}\n\n',
  );
});

it("no name can write a line of its own", () => {
  expect(read(eventBlock("a\ndata: forged\r\n\r\n", "1"))).toEqual([
    { event: "a data: forged    ", data: "1", id: "" },
  ]);
});

it("§11.3 a frame is one line, whatever white space its JSON has", () => {
  const json = '{\r\n"a":\n"b\\n"\r}';
  expect(JSON.parse(oneLine(json))).toEqual(JSON.parse(json));
  const frame = dataFrame(oneLine(json));
  expect(read(frame)).toHaveLength(1);
  expect(frame.length - oneLine(json).length).toBe(dataFrameBytes);
});

it("§11.2 a gap is an event with its verdict; its id is where that leaves the reader, when it says so", () => {
  const gap = { channel: "c", verdict: "gap", position, from: 1, to: 3, reason: "epoch" } as const;
  const told = (verdict: object) => read(controlBlock({ type: "verdict", streams: [verdict as never] }) ?? "");
  const state = { revision: 9, tag: "u" };
  expect(told(gap)).toEqual([{ event: "gap", data: JSON.stringify(gap), id: "e:3:t" }]);
  const withState = { ...gap, position: { ...position, state } };
  expect(told(withState)[0]?.id).toBe("e:3:t:9:u");
  expect(told({ ...withState, changes: 2, snapshot: true })[0]?.id).toBe("e:3:t");
  expect(told({ ...withState, changes: 2 })[0]?.id).toBe("");
  expect(told({ ...withState, verdict: "snapshot", count: 0, changes: 1 })).toMatchObject([{ event: "gap", id: "" }]);
});

it("the first position comes as an id alone, a heartbeat as a comment, and what is not for it not at all", () => {
  const block = (frame: object) => controlBlock(frame as never);
  const connected = (verdict: object) => block({ type: "connected", streams: [verdict] });
  expect(connected({ verdict: "fresh", position })).toBe("id: e:3:t\n\n");
  expect(connected({ verdict: "recovered", position, count: 1 })).toBe(":\n\n");
  expect(block({ type: "ping" })).toBe(":\n\n");
  for (const verdict of ["ended", "refused"]) expect(block({ type: "verdict", streams: [{ verdict }] })).toBe(null);
  for (const type of ["pong", "published", "drain", "error"]) expect(block({ type })).toBe(null);
});
