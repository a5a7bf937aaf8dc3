// Reading Server-Sent Events (WHATWG HTML §9.2.6), in whatever pieces they come.

export interface StreamEvent {
  /** "message" when the stream names none. */
  readonly event: string;
  readonly data: string;
  /** What `Last-Event-ID` says from here on; "" before the first id. */
  readonly id: string;
}

/** How far a stream was read. */
export interface EventStreamState {
  /** The line that has not ended. */
  readonly line: string;
  /** The last piece ended with CR: an LF that comes next belongs to it. */
  readonly afterCr: boolean;
  /** Of the event that has not ended; `data` null before its first line. */
  readonly event: string;
  readonly data: string | null;
  readonly id: string;
}

export const eventStreamStart: EventStreamState = { line: "", afterCr: false, event: "", data: null, id: "" };

/** Reads on from `state`; what the end of the text leaves unfinished is in the next state. */
export function readEventStream(
  state: EventStreamState,
  text: string,
): readonly [next: EventStreamState, events: readonly StreamEvent[]] {
  if (text === "") return [state, []];
  let { line, event, data, id } = state;
  const events: StreamEvent[] = [];
  const breaks = /\r\n|\r|\n/g;
  let from = state.afterCr && text.startsWith("\n") ? 1 : 0;
  breaks.lastIndex = from;
  for (let found = breaks.exec(text); found !== null; found = breaks.exec(text)) {
    const ended = line + text.slice(from, found.index);
    line = "";
    from = breaks.lastIndex;
    if (ended === "") {
      if (data !== null) events.push({ event: event || "message", data, id });
      event = "";
      data = null;
      continue;
    }
    const colon = ended.indexOf(":");
    const field = colon === -1 ? ended : ended.slice(0, colon);
    const value = colon === -1 ? "" : ended.slice(ended[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "event") event = value;
    else if (field === "data") data = data === null ? value : `${data}\n${value}`;
    else if (field === "id" && !value.includes("\0")) id = value;
  }
  return [{ line: line + text.slice(from), afterCr: text.endsWith("\r"), event, data, id }, events];
}
