// How a session looks on one kind of link: the texts of its messages, and the frames around them. Fan-out builds each segment
// once per form, whatever the number of connections.
import type { GatewayFrame, Position } from "@trunkline/core/wire";
import type { Admitted } from "./admission.ts";
import { type Dialect, frameText } from "./dialect.ts";
import { emptyPing, headerBytes, writeFrame } from "./doors/ws-frame.ts";
import { controlBlock, dataFrame, dataFrameBytes, oneLine } from "./event-stream-blocks.ts";
import type { Outgoing } from "./hub/event-text.ts";

/** A message that is no event. */
export type ControlFrame = Exclude<GatewayFrame, { readonly type: "event" }>;

/** A dialect over WebSocket, or (`-stream`) as Server-Sent Events. */
export type FormName = Dialect | "v1-stream" | "plain-stream";

export interface Form {
  readonly name: FormName;
  readonly dialect: Dialect;
  /** Whether several messages may share a frame, as an array (PROTOCOL §3.1). */
  readonly batches: boolean;
  /** Whether a reader can be told of a gap; else its link ends with 4410. */
  readonly tellsGaps: boolean;
  /** The text of one event, or of news about its stream; null: nothing is to be said. `place`: where the reader is once it has this. */
  text(item: Outgoing, place: Position): string | null;
  /** Another message, all of its frame included, or null where the form has no word for it. */
  control(frame: ControlFrame): Buffer | null;
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
  control: (frame) => controlText(v1, frame),
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
  control: (frame) => controlText(plain, frame),
};

/** PROTOCOL §16: an event's data, and nothing else. Its pings are those of WebSocket, which are no text. */
const raw: Form = {
  ...plain,
  name: "raw",
  dialect: "raw",
  text: (item, place) => item.text("raw", place),
  control: ({ type }) => (type === "ping" ? emptyPing : null),
};

/** PROTOCOL §11.3: each `data` is a frame. */
const v1Stream: Form = {
  ...v1,
  name: "v1-stream",
  text: (item, place) => {
    const text = item.text("v1", place);
    return text === null ? null : oneLine(text);
  },
  control: (frame) => controlText(v1Stream, frame),
  overhead: () => dataFrameBytes,
  write: (target, at, text) => at + target.write(dataFrame(text), at),
};

/** PROTOCOL §11.1: each text is a block of lines already. */
const plainStream: Form = {
  ...plain,
  name: "plain-stream",
  tellsGaps: true,
  text: (item, place) => item.block(place),
  control: (frame) => {
    const block = controlBlock(frame);
    return block === null ? null : frameOf(plainStream, block);
  },
  overhead: () => 0,
  write: (target, at, text) => at + target.write(text, at),
};

export const forms: Readonly<Record<FormName, Form>> = {
  v1,
  plain,
  raw,
  "v1-stream": v1Stream,
  "plain-stream": plainStream,
};
/** What a connection that was admitted looks like. */
export function formName({ dialect, eventStream }: Pick<Admitted, "dialect" | "eventStream">): FormName {
  return eventStream === undefined || dialect === "raw" ? dialect : `${dialect}-stream`;
}

export const allForms: readonly Form[] = Object.values(forms);

function controlText(form: Form, frame: ControlFrame): Buffer | null {
  const text = frameText(form.dialect, frame);
  return text === null ? null : frameOf(form, text);
}

/** One whole frame. */
export function frameOf(form: Form, text: string): Buffer {
  const bytes = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(form.overhead(bytes) + bytes);
  form.write(frame, 0, text, bytes);
  return frame;
}
