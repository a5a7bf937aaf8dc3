// requests-without-ids.test.ts
import { createEngine } from "@trunkline/core/engine";
import { echoServer, mockHooks, mockTransport } from "@trunkline/core/testing";
import { expect, it } from "vitest";

it("asks one question at a time, on a line that nobody else uses meanwhile", async () => {
  const server = mockTransport({ onLink: echoServer() });
  const { hooks, of } = mockHooks();
  const engine = createEngine({ url: "wss://echo.example.com", transport: server.transport, hooks });
  await engine.start();

  const ask = (question: string) =>
    engine.exclusive(
      async (lease) => {
        lease.send(question);
        for await (const { data } of lease) if (String(data).startsWith("answer:")) return data;
        throw new Error("the lease was released");
      },
      { signal: AbortSignal.timeout(10_000) }, // gives up its place in the line, should it be waiting for that long
    );
  expect(await Promise.all([ask("answer: 1"), ask("answer: 2")])).toEqual(["answer: 1", "answer: 2"]);
  expect(of("onMessage")).toEqual([]); // the lease had them all
  await engine.stop();
});
