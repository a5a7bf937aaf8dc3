import { afterEach, describe, expect, it } from "vitest";
import { plain } from "../plain/plain.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { memoryTransport } from "../testing/memory-link.ts";
import { createClient } from "./create-client.ts";
import type { ClientOptions } from "./options.ts";
import { refreshToken } from "./refresh-token.ts";

const unhandled: unknown[] = [];
process.on("unhandledRejection", (cause) => unhandled.push(cause));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
afterEach(async () => {
  await turn();
  expect(unhandled.splice(0)).toEqual([]);
});

function setUp(options: Partial<ClientOptions> = {}) {
  const clock = new ManualClock();
  const memory = memoryTransport();
  const asked: boolean[] = [];
  const getToken: ClientOptions["getToken"] = ({ fresh }) => `token ${asked.push(fresh)}`;
  const client = createClient({ url: "x", transport: memory.transport, clock, getToken, ...options });
  const tell = (frame: object): void => memory.last.deliver(JSON.stringify(frame));
  return {
    clock,
    memory,
    client,
    asked,
    tell,
    welcome: async () => {
      await turn();
      memory.last.accept();
      tell({ type: "connected", connection: "x", heartbeatMs: 0, spreadMs: 0, streams: [] });
    },
    /** The tokens that came in place. */
    sent: () =>
      memory.last.received
        .map((text) => JSON.parse(text as string) as { type: string; token: string })
        .flatMap(({ type, token }) => (type === "auth" ? [token] : [])),
  };
}

describe("refreshToken", () => {
  it("§2.7 sends a fresh token in place, and resolves with its life once the gateway has taken it", async () => {
    const { client, welcome, asked, sent, tell } = setUp();
    await welcome();
    const refreshed = refreshToken(client);
    await turn();
    expect(asked).toEqual([false, true]);
    expect(sent()).toEqual(["token 2"]);
    tell({ type: "auth", expiresInMs: 60_000 });
    expect(await refreshed).toBe(60_000);
    const again = refreshToken(client);
    await turn();
    tell({ type: "auth" });
    expect(await again).toBeNull();
  });

  it("calls while one is under way share its answer; the next call asks again", async () => {
    const { client, welcome, sent, tell } = setUp();
    await welcome();
    const all = [refreshToken(client), refreshToken(client)];
    await turn();
    expect(sent()).toEqual(["token 2"]);
    tell({ type: "auth", expiresInMs: 1 });
    expect(await Promise.all(all)).toEqual([1, 1]);
    void refreshToken(client);
    await turn();
    expect(sent()).toEqual(["token 2", "token 3"]);
  });

  it.each(["gateway.unauthorized", "gateway.unsupported"])("rejects with %s, and the client stays", async (code) => {
    const { client, welcome, tell } = setUp();
    await welcome();
    const refreshed = refreshToken(client);
    await turn();
    tell({ type: "error", code: "gateway.limit", message: "another matter" });
    tell({ type: "error", code, message: "no" });
    await expect(refreshed).rejects.toMatchObject({ name: "GatewayError", code });
    expect(client.status).toBe("connected");
  });

  it("rejects when the link is lost, when it takes too long, and when there is none", async () => {
    const { client, clock, memory, welcome } = setUp();
    await expect(refreshToken(client)).rejects.toMatchObject({ code: "link.lost" });
    await welcome();
    const late = refreshToken(client);
    await turn();
    clock.advance(10_000);
    await expect(late).rejects.toMatchObject({ code: "link.timeout" });
    const lost = refreshToken(client);
    await turn();
    memory.last.drop();
    await expect(lost).rejects.toMatchObject({ code: "link.lost" });
  });

  it("rejects when getToken fails, and says nothing of what it gave", async () => {
    let give: () => never = () => {
      throw new Error("no session");
    };
    const { client, welcome } = setUp({ getToken: ({ fresh }) => (fresh ? give() : "t") });
    await welcome();
    await expect(refreshToken(client)).rejects.toMatchObject({ name: "LinkError", code: "link.token-failed" });
    give = () => ({ secret: "SECRET" }) as never;
    await expect(refreshToken(client)).rejects.toMatchObject({ message: "getToken: expected a string, got object" });
  });

  it("is not for clients without getToken, nor for the plain dialect", async () => {
    for (const options of [{ getToken: undefined as never, apiKey: "k" }, { dialect: plain() }])
      await expect(refreshToken(setUp(options).client)).rejects.toMatchObject({ code: "usage.unsupported" });
  });

  it("a rejection that nobody waits for is no unhandled one", async () => {
    void refreshToken(setUp().client);
    void refreshToken(setUp({ dialect: plain() }).client);
    await turn();
  });
});
