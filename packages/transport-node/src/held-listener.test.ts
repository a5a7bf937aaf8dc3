import { expect, it } from "vitest";
import { HeldListener } from "./held-listener.ts";

function held() {
  const told: unknown[] = [];
  const hook = { onMessage: (_data: unknown): void => {} };
  const listener = new HeldListener({
    onOpen: (protocol) => told.push(`open ${protocol}`),
    onMessage: (data) => {
      told.push(data);
      hook.onMessage(data);
    },
    onClose: (close) => told.push(close.code),
    onPong: () => told.push("pong"),
  });
  return { listener, told, hook };
}

it("passes everything on while not paused", () => {
  const { listener, told } = held();
  listener.open("p");
  listener.message("a");
  listener.pong();
  listener.close({ code: 1000, reason: "" });
  listener.close({ code: 1006, reason: "" });
  expect(told).toEqual(["open p", "a", "pong", 1000]);
});

it("keeps messages in order, and the close behind them, until it is resumed", () => {
  const { listener, told } = held();
  listener.pause();
  listener.message("a");
  listener.message("b");
  listener.close({ code: 4410, reason: "" });
  expect(told).toEqual([]);
  listener.resume();
  expect(told).toEqual(["a", "b", 4410]);
});

it("stops again when it is paused by a message it hands over", () => {
  const { listener, told, hook } = held();
  listener.pause();
  for (const text of ["a", "b", "c"]) listener.message(text);
  listener.close({ code: 1000, reason: "" });
  hook.onMessage = (data) => {
    if (data === "b") listener.pause();
  };
  listener.resume();
  expect(told).toEqual(["a", "b"]);
  listener.resume();
  expect(told).toEqual(["a", "b", "c", 1000]);
});

it("tells one who leaves only the close that was held", () => {
  const { listener, told } = held();
  listener.pause();
  listener.message("a");
  listener.close({ code: 4410, reason: "" });
  listener.leave();
  listener.message("b");
  listener.pong();
  listener.close({ code: 1006, reason: "" });
  listener.resume();
  expect(told).toEqual([4410]);
});
