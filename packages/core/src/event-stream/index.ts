export { type StreamAnswer, type StreamHttp, openEventStreamLink } from "./event-stream-link.ts";
