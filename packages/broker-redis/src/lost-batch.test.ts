import type { Entry, Page } from "@trunkline/core/ports";
import { describe, expect, it } from "vitest";
import { type KnownHead, fatesOf } from "./lost-batch.ts";
import type { PendingAppend } from "./pending-append.ts";

const pending = (tag: number, key?: string): PendingAppend => ({
  append: { body: "{}", ...(key !== undefined && { state: { key, deleted: false } }) },
  tag,
  dedupeKey: null,
  acceptedAt: 0,
  resolve() {},
  reject() {},
});
const entry = (line: "log" | "state", offset: number, tag: number): Entry => ({
  line,
  offset,
  tag: tag.toString(36),
  time: 1,
  body: "{}",
});

function page(parts: {
  epoch?: string;
  offset?: number;
  revision?: number;
  floor?: number;
  log?: readonly Entry[];
  logCount?: number;
  state?: readonly Entry[];
}): Page {
  const { epoch = "e", offset = 0, revision = 0, floor = 0, log = [], state = [] } = parts;
  return {
    head: { epoch, offset, tag: "", ...(revision > 0 && { state: { revision, tag: "" } }) },
    log: { floor, tagAtStart: null, entries: log, count: parts.logCount ?? log.length },
    state: { floor: 0, tagAtStart: null, entries: state, count: state.length },
  };
}

const known: KnownHead = { epoch: "e", offset: 5, revision: 2 };
const kindOf = (batch: PendingAppend, from: KnownHead | null, holds: Page, certain = true) =>
  fatesOf([batch], from, holds, certain)[0]?.kind;

describe("a batch whose connection was lost", () => {
  it("was stored when its tag is there, and each append is told its own place", () => {
    const holds = page({
      offset: 7,
      revision: 3,
      log: [entry("log", 6, 1), entry("log", 7, 2)],
      state: [entry("state", 3, 9)],
    });
    expect(fatesOf([pending(2), pending(9, "k"), pending(3)], known, holds, true)).toEqual([
      { kind: "stored", position: { epoch: "e", offset: 7, tag: "2" } },
      { kind: "stored", position: { epoch: "e", offset: 3, tag: "9" } },
      { kind: "absent" },
    ]);
  });

  it("is absent when all that was stored since is known, and its tag is not among it", () => {
    expect(kindOf(pending(1), known, page({ offset: 5, floor: 5 }))).toBe("absent");
    expect(kindOf(pending(1), known, page({ offset: 6, log: [entry("log", 6, 2)] }))).toBe("absent");
    expect(kindOf(pending(1), null, page({ offset: 1, log: [entry("log", 1, 2)] }))).toBe("absent");
  });

  it("is unknown when history was trimmed meanwhile, is too long to look through, or is of another epoch", () => {
    expect(kindOf(pending(1), known, page({ offset: 9, floor: 6 }))).toBe("unknown");
    expect(kindOf(pending(1), null, page({ offset: 9, floor: 6 }))).toBe("unknown");
    expect(kindOf(pending(1), known, page({ offset: 9, log: [entry("log", 6, 2)], logCount: 4 }))).toBe("unknown");
    expect(kindOf(pending(1), known, page({ epoch: "other", offset: 5 }))).toBe("unknown");
    expect(kindOf(pending(1), known, page({ offset: 2 }))).toBe("unknown");
  });

  it("is unknown while the lost connection may still be worked off", () => {
    expect(kindOf(pending(1), known, page({ offset: 5 }), false)).toBe("unknown");
  });

  it("a change that another may have replaced is unknown; with every revision accounted for it is absent", () => {
    expect(kindOf(pending(1, "k"), known, page({ offset: 5, revision: 4, state: [entry("state", 4, 2)] }))).toBe(
      "unknown",
    );
    expect(kindOf(pending(1, "k"), known, page({ offset: 5, revision: 3, state: [entry("state", 3, 2)] }))).toBe(
      "absent",
    );
    expect(kindOf(pending(1, "k"), known, page({ offset: 5, revision: 2 }))).toBe("absent");
  });
});
