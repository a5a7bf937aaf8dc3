import { describe, expect, it } from "vitest";
import type { PublishReceipt, PublishRequest } from "../wire/publish-request.ts";
import { createVerbs, verbsAround } from "./verbs.ts";

const receipt: PublishReceipt = { stream: "all", offset: 1, epoch: "e" };

describe("verbsAround", () => {
  it("puts the given around what carries every verb, and keeps registry and logger", async () => {
    const sent: PublishRequest[] = [];
    const lines: string[] = [];
    const log = (line: string): void => void lines.push(line);
    const verbs = createVerbs({
      send: (request) => {
        sent.push(request);
        return Promise.resolve(receipt);
      },
      clock: { wallTime: () => 0 },
      logger: { debug: log, info: log, warn: log, error: log },
    });
    // As a publisher does: the verbs become part of something else.
    const publisher = { ...verbs, close: () => {} };
    const around = verbsAround(publisher, (send) => (request, wait) => send({ ...request, meta: { mark: 1 } }, wait));
    await around?.publish({ event: "paid" });
    await around?.pub("one");
    await around?.push("all", "a", "b");
    await around?.resource("Post").created({ id: 1 });
    expect(sent.map(({ event, meta }) => [event, meta])).toEqual(
      ["paid", "message", "message", "message", "post.created"].map((event) => [event, { mark: 1 }]),
    );
    expect(around?.events).toBe(publisher.events);
    expect(publisher.events.names()).toContain("post.created");
    expect(lines.filter((line) => line === "sending a message")).toHaveLength(3);
  });

  it("is null for what has no verbs of this make", () => {
    for (const other of [{}, { publish: () => null }, { events: null }, { events: {} }])
      expect(verbsAround(other, (send) => send)).toBeNull();
  });
});
