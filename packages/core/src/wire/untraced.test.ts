import { describe, expect, it } from "vitest";
import { untraced } from "./untraced.ts";

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const body = (meta?: unknown): string => JSON.stringify({ event: "paid", data: { n: 1 }, id: "i", meta });

describe("untraced", () => {
  it("§8.2 leaves trace context out, and a meta that held nothing else", () => {
    expect(untraced(body({ traceparent, tracestate: "a=b" }))).toBe(body());
    expect(untraced(body({ tenant: 7, traceparent }))).toBe(body({ tenant: 7 }));
  });

  it("§8.2 keeps everything else as it is, whatever it looks like", () => {
    const bodies = [
      body(),
      body({ tenant: 7 }),
      body("traceparent"),
      body(["traceparent"]),
      JSON.stringify({ event: "e", data: { traceparent } }),
      JSON.stringify({ event: "e", data: null, meta: null }),
      'not "traceparent" JSON',
    ];
    expect(bodies.map(untraced)).toEqual(bodies);
  });
});
