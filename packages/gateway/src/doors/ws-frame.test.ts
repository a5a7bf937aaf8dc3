import type { Writable } from "node:stream";
import fc from "fast-check";
import { expect, it } from "vitest";
import * as ws from "ws";
import { forms, frameOf } from "../form.ts";
import { headerBytes } from "./ws-frame.ts";

const textFrame = (text: string): Buffer => frameOf(forms.v1, text);

it("RFC 6455 §5.2: the length takes 1, 3 or 9 bytes, at its exact borders", () => {
  expect([0, 125, 126, 65_535, 65_536].map(headerBytes)).toEqual([2, 2, 4, 4, 10]);
  expect([...textFrame("é").subarray(0, 4)]).toEqual([0x81, 2, 0xc3, 0xa9]);
  expect([...textFrame("x".repeat(126)).subarray(0, 5)]).toEqual([0x81, 126, 0, 126, 0x78]);
  expect([...textFrame("x".repeat(65_536)).subarray(0, 10)]).toEqual([0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
});

// Exported by `ws`, and not in its types.
const { Receiver } = ws as unknown as { Receiver: new (options: { isServer: boolean }) => Writable };

it("another implementation reads back any text", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: "grapheme", maxLength: 300 }), { minLength: 1, maxLength: 5 }),
      async (texts) => {
        const receiver = new Receiver({ isServer: false });
        const read: string[] = [];
        receiver.on("message", (data: Buffer) => read.push(data.toString()));
        receiver.end(Buffer.concat(texts.map(textFrame)));
        await new Promise((resolve) => receiver.on("finish", resolve));
        expect(read).toEqual(texts);
      },
    ),
    { numRuns: 50 },
  );
});
