import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonCodec } from "./codec.ts";

describe("§3.1 JSON codec", () => {
  it("what is encoded is decoded to the same, one message or an array of them", () => {
    // -0 is a number JSON does not have.
    const json = fc.jsonValue().filter((value) => !JSON.stringify(value).includes("-0"));
    const message = fc.record(
      { type: fc.string(), data: json, channel: fc.string({ unit: "binary" }) },
      { requiredKeys: ["type"] },
    );
    fc.assert(
      fc.property(fc.oneof(message, fc.array(message)), (value) => {
        const decoded = jsonCodec.decode(jsonCodec.encode(value));
        expect(JSON.stringify(decoded)).toBe(JSON.stringify(value));
        expect(Array.isArray(decoded)).toBe(Array.isArray(value));
      }),
    );
  });

  it("one frame is one line: line ends inside strings are escaped", () => {
    expect(jsonCodec.encode({ type: "event", data: "a\nb\r\0" })).toBe('{"type":"event","data":"a\\nb\\r\\u0000"}');
  });

  it("a field that is undefined is not on the wire", () => {
    expect(jsonCodec.encode({ type: "pong", id: undefined })).toBe('{"type":"pong"}');
  });

  it("R-17 text that is not JSON throws, for the caller to report", () => {
    for (const text of ["", "ping", "{", '{"a":1}{', "undefined", "NaN"])
      expect(() => jsonCodec.decode(text)).toThrow(SyntaxError);
  });

  it("§3.7 a __proto__ field is data and changes no prototype", () => {
    const decoded = jsonCodec.decode('{"type":"event","__proto__":{"polluted":true}}') as Record<string, unknown>;
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
    expect(decoded["polluted"]).toBeUndefined();
  });
});
