// How a session looks on one kind of link: the texts of its messages, and the frames around them. Fan-out builds each segment
// once per form, whatever the number of connections.
import type { GatewayFrame, Position } from "@trunkline/core/wire";
import { type Dialect, frameText } from "./dialect.ts";
import { headerBytes, writeFrame } from "./doors/ws-frame.ts";
import { controlBlock, dataFrame, dataFrameBytes, oneLine } from "./event-stream-blocks.ts";
import type { Outgoing } from "./hub/event-text.ts";

/** A message that is no event. */
export type ControlFrame = Exclude<GatewayFrame, { readonly type: "event" }>;

/** A dialect over WebSocket, or (`-stream`) as Server-Sent Events. */
export type FormName = "v1" | "plain" | "v1-stream" | "plain-stream";

export interface Form {
  readonly name: FormName;
  readonly dialect: Dialect;
  /** Whether several messages may share a frame, as an array (PROTOCOL §3.1). */
  readonly batches: boolean;
  /** Whether a reader can be told of a gap; else its link ends with 4410. */
  readonly tellsGaps: boolean;
  /** The text of one event, or of news about its stream; null: nothing is to be said. `place`: where the reader is once it has this. */
  text(item: Outgoing, place: Position): string | null;
  /** The text of another message, or null where the form has no word for it. */
  control(frame: ControlFrame): string | null;
  /** Bytes of a frame around a text of so many bytes. */
  overhead(textBytes: number): number;
  /** Writes one frame at `at`; returns its end. */
  write(target: Buffer, at: number, text: string, textBytes: number): number;
}

const v1: Form = {
  name: "v1",
  dialect: "v1",
  batches: true,
  tellsGaps: true,
  text: (item, place) => item.text("v1", place),
  control: (frame) => frameText("v1", frame),
  overhead: headerBytes,
  write: writeFrame,
};

const plain: Form = {
  ...v1,
  name: "plain",
  dialect: "plain",
  batches: false,
  tellsGaps: false,
  text: (item, place) => item.text("plain", place),
  control: (frame) => frameText("plain", frame),
};

/** PROTOCOL §11.3: each `data` is a frame. */
const v1Stream: Form = {
  ...v1,
  name: "v1-stream",
  text: (item, place) => {
    const text = item.text("v1", place);
    return text === null ? null : oneLine(text);
  },
  overhead: () => dataFrameBytes,
  write: (target, at, text) => at + target.write(dataFrame(text), at),
};

/** PROTOCOL §11.1: each text is a block of lines already. */
const plainStream: Form = {
  ...plain,
  name: "plain-stream",
  tellsGaps: true,
  text: (item, place) => item.block(place),
  control: controlBlock,
  overhead: () => 0,
  write: (target, at, text) => at + target.write(text, at),
};

export const forms: Readonly<Record<FormName, Form>> = {
  v1,
  plain,
  "v1-stream": v1Stream,
  "plain-stream": plainStream,
};
export const allForms: readonly Form[] = Object.values(forms);

/** One whole frame. */
export function frameOf(form: Form, text: string): Buffer {
  const bytes = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(form.overhead(bytes) + bytes);
  form.write(frame, 0, text, bytes);
  return frame;
}
