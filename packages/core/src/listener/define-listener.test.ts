import { expect, it } from "vitest";
import { defineListener } from "./define-listener.ts";

it("D-15 a listener is a value that can be called without a server", () => {
  const greet = (name: string) => `hello ${name}`;
  const listener = defineListener({ echo: (message) => message, greet }, { name: "mine" });
  expect(listener.channels.get("echo")?.("x") === "x").toBe(true);
  expect(listener.channels.get("greet")?.("you")).toBe("hello you");
  expect([listener.name, listener.account, [...listener.channels.keys()]]).toEqual([
    "mine",
    "default",
    ["echo", "greet"],
  ]);
  expect(Object.isFrozen(listener)).toBe(true);
});

it("several handlers of a channel are called in their order, and tell what each returned", () => {
  const { channels } = defineListener({ sum: [(n: number) => n + 1, (n: number) => n + 2] });
  expect(channels.get("sum")?.(1)).toEqual([2, 3]);
});

it("a handler called by hand gets a context that can't publish, unless it is given one", async () => {
  const { channels } = defineListener({
    echo: (message, { channel, event, reply }) => [channel, event, reply(message)],
  });
  const [channel, event, replied] = (channels.get("echo")?.("x") ?? []) as [string, string, Promise<unknown>];
  expect([channel, event]).toEqual(["echo", "message"]);
  await expect(replied).rejects.toMatchObject({ code: "usage.unsupported" });
});

it("what a handler throws is the caller's, where it is called by hand", () => {
  const { channels } = defineListener({
    bad: () => {
      throw new Error("no");
    },
  });
  expect(() => channels.get("bad")?.("x")).toThrow("no");
});

it("finds the handlers of a channel by name and by pattern, and no pattern means a companion stream", () => {
  const handler = (): void => {};
  const listener = defineListener({
    "chat.*": handler,
    "*": handler,
    "chat.lobby": [handler, handler],
    "a*;b*": handler,
  });
  const patterns = (channel: string): readonly string[] => listener.handlersOf(channel).map(({ pattern }) => pattern);
  expect(patterns("chat.lobby")).toEqual(["chat.*", "*", "chat.lobby", "chat.lobby"]);
  expect(patterns("chat.")).toEqual(["chat.*", "*"]);
  expect(patterns("chatxlobby")).toEqual(["*"]);
  expect(patterns("a1;b2")).toEqual(["a*;b*"]);
  expect(patterns("~members/chat.lobby")).toEqual([]);
});

it("says all that is wrong with a definition", () => {
  const handler = (): void => {};
  const define = (channels: object, options?: object) => () => defineListener(channels as { a: () => void }, options);
  expect(define({})).toThrow("expected at least one channel, got none");
  expect(define([handler])).toThrow("expected an object of channels");
  expect(define({ "": handler, "~x": handler, "a*~": handler, b: 7, c: [], d: [handler, "no"] })).toThrow(
    /channel "": expected a non-empty.*channel "~x".*reserved.*channel "b": expected a function.*channel "c": .*channel "d": /,
  );
  expect(define({ a: handler }, { acount: "acme", account: "a/b", onGap: 7, name: "" })).toThrow(
    /unknown option acount; did you mean account\?.*name: expected.*account: expected 1–64.*onGap: expected a function, got number/,
  );
});
