import { type StreamEvent, eventStreamStart, readEventStream } from "@trunkline/core/wire";
import fc from "fast-check";
import { expect, it } from "vitest";
import { type Form, forms } from "../form.ts";
import { Outgoing } from "./event-text.ts";
import { type Segment, type SegmentLimits, segments } from "./fan-out.ts";
import { Serializer } from "./serializer.ts";

const room = { label: "room", serializer: null };

const start = { epoch: "e", offset: 0, tag: "" };

function logged(offset: number, data: string): Outgoing {
  return Outgoing.stored(room, {
    line: "log",
    offset,
    tag: `t${offset}`,
    time: 1,
    body: JSON.stringify({ event: "e", data }),
  });
}

/** The payloads of a segment's frames. */
function payloads({ buffer }: Segment): string[] {
  const texts: string[] = [];
  for (let at = 0; at < buffer.length;) {
    expect(buffer[at]).toBe(0x81);
    const short = buffer.readUInt8(at + 1);
    const [head, size] =
      short < 126 ? [2, short] : short === 126 ? [4, buffer.readUInt16BE(at + 2)] : [10, buffer.readUInt32BE(at + 6)];
    texts.push(buffer.toString("utf8", at + head, at + head + size));
    at += head + size;
  }
  return texts;
}

it("keeps every event once and in order, frames within their limit, segments within theirs, in both dialects", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: "grapheme", maxLength: 200 }), { minLength: 1, maxLength: 40 }),
      fc.constantFrom(forms.v1, forms.plain),
      fc.record({ frameBytes: fc.integer({ min: 128, max: 2000 }), segmentBytes: fc.integer({ min: 128, max: 4000 }) }),
      (texts, form, limits: SegmentLimits) => {
        const items = texts.map((text, index) => logged(index + 1, text));
        const all = [...segments(items, form, start, limits)];
        let place = start;
        const read: unknown[] = [];
        for (const segment of all) {
          expect(segment.start).toEqual(place);
          place = segment.end;
          const frames = payloads(segment);
          const messages = frames.flatMap((frame) => JSON.parse(frame) as { data: string }[]);
          expect(segment.events).toBe(messages.length);
          read.push(...messages.map(({ data }) => data));
          for (const frame of frames)
            if (frame.startsWith("[")) expect(Buffer.byteLength(frame)).toBeLessThanOrEqual(limits.frameBytes);
          if (!form.batches) expect(frames).toHaveLength(messages.length);
          // Headers and brackets come on top of the messages.
          if (messages.length > 1)
            expect(segment.buffer.length).toBeLessThanOrEqual(limits.segmentBytes + 12 * messages.length);
        }
        expect(read).toEqual(texts);
        expect(place).toEqual({ epoch: "e", offset: texts.length, tag: `t${texts.length}` });
      },
    ),
  );
});

it("builds an event's text once per dialect", () => {
  const item = logged(1, "x");
  expect(item.text("v1", start)).toBe(item.text("v1", start));
  expect(JSON.parse(item.text("v1", start) ?? "")).toEqual({
    type: "event",
    channel: "room",
    offset: 1,
    tag: "t1",
    time: 1,
    event: "e",
    data: "x",
  });
  expect(item.text("plain", start)).toBe('{"event":"e","data":"x"}');
});

it("§16.3 at the raw door a string is itself, anything else its JSON, each a frame of its own", () => {
  const data = ["new model!", "", "ping", '{"type":"drain"}', "ü\n\u2028", { a: [1] }, [], 7, true, null, undefined];
  const items = data.map((each) => Outgoing.volatile(room, JSON.stringify({ event: "e", data: each }), 1));
  const [segment] = [...segments(items, forms.raw, start, { frameBytes: 65_536, segmentBytes: 65_536 })];
  expect(payloads(segment as Segment)).toEqual([...data.slice(0, 5), '{"a":[1]}', "[]", "7", "true", "null", "null"]);
  expect(items[5]?.text("raw", start)).toBe(items[5]?.text("raw", start));
});

it("§11 writes the same events as an event stream: frames of messages, or blocks with the place behind each", () => {
  const items = [
    logged(1, "a"),
    Outgoing.stored(room, { line: "state", offset: 4, tag: "s", time: 1, body: '{"event":"k",\n"data":null}' }),
    Outgoing.volatile(room, '{"event":"v"}', 5),
  ];
  const limits = { frameBytes: 65_536, segmentBytes: 65_536 };
  const read = (form: Form) =>
    [...segments(items, form, start, limits)].map(({ buffer }) => readEventStream(eventStreamStart, buffer.toString()));
  const [[, [frame]]] = read(forms["v1-stream"]) as [[unknown, [StreamEvent]]];
  expect(JSON.parse(frame.data)).toMatchObject([{ offset: 1 }, { revision: 4, event: "k" }, { event: "v" }]);
  expect(read(forms["plain-stream"])[0]?.[1]).toEqual([
    { event: "e", data: '"a"', id: "e:1:t1" },
    { event: "k", data: "null", id: "e:1:t1:4:s" },
    { event: "v", data: "null", id: "e:1:t1:4:s" },
  ]);
});

it("volatile events and gaps have no offset, and a gap moves the place", () => {
  const position = { epoch: "f", offset: 9, tag: "z" };
  const items = [
    Outgoing.volatile(room, '{"event":"v","data":1}', 5),
    Outgoing.lineBreak({ channel: "room", verdict: "gap", position, from: 1, to: 9, reason: "epoch" }),
    Outgoing.stored(room, { line: "log", offset: 10, tag: "y", time: 1, body: '{"event":"e","data":2}' }),
  ];
  const [segment] = [...segments(items, forms.v1, start, { frameBytes: 65_536, segmentBytes: 65_536 })] as [Segment];
  expect(segment).toMatchObject({ start, end: { epoch: "f", offset: 10, tag: "y" }, events: 2, volatiles: 1 });
  expect(JSON.parse(payloads(segment)[0] as string)).toMatchObject([
    { type: "event", event: "v", time: 5 },
    { type: "verdict", streams: [{ verdict: "gap", position }] },
    { type: "event", offset: 10 },
  ]);
});

it("§5.9 an event that can't be serialized is a gap in its place, a volatile one is left out, and neither is counted", () => {
  const serializer = new Serializer(
    ({ data }) => (data === "bad" ? undefined : data),
    "room",
    () => {},
  );
  const source = { label: "room", serializer };
  const body = (data: string) => JSON.stringify({ event: "e", data });
  const entry = (line: "log" | "state", offset: number, data: string) => ({
    line,
    offset,
    tag: `${line}${offset}`,
    time: 1,
    body: body(data),
  });
  const items = [
    Outgoing.volatile(source, body("bad"), 1),
    Outgoing.stored(source, entry("log", 1, "bad")),
    Outgoing.stored(source, entry("state", 1, "bad")),
    Outgoing.volatile(source, body("bad"), 1),
    Outgoing.stored(source, entry("log", 2, "good")),
  ];
  const all = (form: Form) => [...segments(items, form, start, { frameBytes: 10_000, segmentBytes: 10_000 })];
  const [segment, ...more] = all(forms.v1);
  expect(more).toEqual([]);
  const place = { epoch: "e", offset: 1, tag: "log1" };
  const gap = { channel: "room", verdict: "gap", reason: "unserializable" };
  const state = { revision: 1, tag: "state1" };
  expect(JSON.parse(payloads(segment as Segment).join(""))).toMatchObject([
    { type: "verdict", streams: [{ ...gap, position: place, from: 1, to: 1 }] },
    { type: "verdict", streams: [{ ...gap, position: { ...place, state }, from: 2, to: 1 }] },
    { type: "event", offset: 2 },
  ]);
  expect(segment).toMatchObject({ events: 1, volatiles: 0, end: { offset: 2, state } });
  expect(all(forms["plain-stream"])[0]?.buffer.toString()).toMatch(/^id: .*\nevent: gap\n/);
  const nothing = segments([items[0] as Outgoing], forms.v1, start, { frameBytes: 10_000, segmentBytes: 10_000 });
  expect([...nothing]).toEqual([]);
});
