import { expect, it } from "vitest";
import * as client from "../../trunkline/src/script-tag.ts";
import * as channels from "./script-tag.ts";

it("has all that trunkline.min.js has, so that a page may load it in place of that one, or after it", () => {
  expect(Object.keys(channels).sort()).toEqual([...Object.keys(client), "createChannels"].sort());
});
