import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { schedule } from "../../packages/core/src/client/backoff.ts";
import { step } from "../../packages/core/src/client/session.ts";
import { firstState, type Input, type SessionConfig, type State } from "../../packages/core/src/client/state.ts";

// The state diagram of ARCHITECTURE.md, compared with what the machine does.

const config: SessionConfig = {
  connectTimeoutMs: 1,
  greetTimeoutMs: 1,
  heartbeatGraceMs: 1,
  getToken: true,
  backoff: schedule([1]),
};

/** Every input that may come to `state`, with each value that decides something. */
function inputs({ link, old }: State): Input[] {
  const closes = [1000, 1006, 4401, 4403, 4410].flatMap((code) =>
    [link, old].flatMap((of) =>
      [0, 60_000].map((upMs): Input => ({ type: "closed", link: of, code, reason: "", upMs })),
    ),
  );
  const wakes = [true, false].flatMap((heard) =>
    [0, 60_000].map((lateMs): Input => ({ type: "woke", heard, lateMs, upMs: 0, quietMs: 60_000 })),
  );
  const fatal = ["gateway.forbidden", "gateway.unauthorized", "gateway.internal"].map((code): Input => ({
    type: "error",
    code,
    message: "",
    fatal: true,
  }));
  return [
    { type: "connect" },
    { type: "close", timeoutMs: 1 },
    { type: "token", link },
    { type: "opened", link },
    {
      type: "connected",
      connection: "",
      server: "",
      heartbeatMs: 1,
      spreadMs: 1,
      limits: { frameBytes: 1, subscriptions: 1 },
      features: [],
      streams: [],
    },
    { type: "ping" },
    { type: "drain", spreadMs: 1 },
    ...closes,
    ...wakes,
    ...fatal,
  ];
}

/** All moves from one phase to another that can be reached, as `from --> to: input`. */
function moves(): Set<string> {
  const found = new Set<string>();
  const seen = new Set<string>();
  const queue: State[] = [firstState];
  for (let state = queue.pop(); state !== undefined; state = queue.pop()) {
    for (const input of inputs(state)) {
      const [next] = step(state, input, config);
      if (next.phase !== state.phase) found.add(`${state.phase} --> ${next.phase}: ${input.type}`);
      // Numbers of attempts are only compared with each other.
      const key = JSON.stringify({ ...next, link: 0, old: next.old > 0, attempt: Math.min(next.attempt, 2) });
      if (seen.has(key)) continue;
      seen.add(key);
      queue.push(next);
    }
  }
  return found;
}

function drawn(): string[] {
  const text = readFileSync(join(import.meta.dirname, "../../ARCHITECTURE.md"), "utf8");
  const diagram = /```mermaid\nstateDiagram-v2\n([^`]*)```/.exec(text)?.[1] ?? "";
  return diagram
    .trim()
    .split("\n")
    .flatMap((line) => {
      const [edge, labels = ""] = line.trim().split(": ");
      return labels.split(", ").map((label) => `${edge}: ${label}`);
    });
}

it("the state diagram of ARCHITECTURE.md shows every move of the machine, and no other", () => {
  expect(drawn().sort()).toEqual([...moves()].sort());
});
