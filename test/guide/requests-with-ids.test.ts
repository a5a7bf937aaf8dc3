// requests-with-ids.test.ts
import { createEngine, type EngineConnection } from "@trunkline/core/engine";
import type { Transport } from "@trunkline/core/ports";
import { mockTransport } from "@trunkline/core/testing";
import { expect, it } from "vitest";

interface Reply {
  readonly id: number;
  readonly result: unknown;
}

/** Any number of questions at once, answered in any order. */
function createCaller(url: string, transport: Transport) {
  let conn: EngineConnection | null = null;
  let lastId = 0;
  const calls = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  const engine = createEngine<Reply>({
    url,
    transport,
    decode: (data) => JSON.parse(String(data)) as Reply,
    hooks: {
      onOpen: (context) => {
        conn = context.conn;
      },
      onMessage: ({ value: { id, result } }) => {
        calls.get(id)?.resolve(result);
        calls.delete(id);
      },
      // Once per session: nobody will answer what is still open.
      onClose: () => {
        conn = null;
        for (const { reject } of calls.values()) reject(new Error("the connection ended before the answer came"));
        calls.clear();
      },
    },
  });
  const call = (method: string): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (conn === null) throw new Error("not connected");
      const id = ++lastId;
      conn.send(JSON.stringify({ id, method }));
      calls.set(id, { resolve, reject });
    });
  return { engine, call };
}

it("matches answers to questions", async () => {
  const server = mockTransport();
  const { engine, call } = createCaller("wss://rpc.example.com", server.transport);
  await engine.start();
  const answers = Promise.all([call("first"), call("second")]);
  server.last.deliver('{"id":2,"result":"b"}');
  server.last.deliver('{"id":1,"result":"a"}');
  expect(await answers).toEqual(["a", "b"]);

  const open = call("third");
  server.last.drop();
  await expect(open).rejects.toThrow("before the answer came");
  await engine.stop();
});
