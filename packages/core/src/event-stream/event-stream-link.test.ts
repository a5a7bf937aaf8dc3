import { expect, it } from "vitest";
import type { LinkClose } from "../ports/transport.ts";
import { type StreamAnswer, type StreamHttp, openEventStreamLink } from "./event-stream-link.ts";

/** HTTP whose every answer a test gives by hand. */
class StageHttp implements StreamHttp {
  readonly gets: { url: string; headers: Readonly<Record<string, string>> }[] = [];
  readonly posts: { url: string; body: string; answer: (status: number) => void; fail: (error: Error) => void }[] = [];
  aborted = 0;
  answer: (answer: Partial<StreamAnswer>) => void = () => {};
  fail: (error: Error) => void = () => {};
  #pieces: (string | null)[] = [];
  #reading: ((piece: string | null) => void) | null = null;

  get(url: string, headers: Readonly<Record<string, string>>): Promise<StreamAnswer> {
    this.gets.push({ url, headers });
    return new Promise((resolve, reject) => {
      this.fail = reject;
      this.answer = (given) =>
        resolve({ status: 200, contentType: "text/event-stream; charset=utf-8", read: () => this.#read(), ...given });
    });
  }
  post(url: string, body: string): Promise<number> {
    return new Promise((answer, fail) => this.posts.push({ url, body, answer, fail }));
  }
  abort(): void {
    this.aborted += 1;
  }
  /** Sends text, or ends the stream. */
  async put(piece: string | null): Promise<void> {
    if (this.#reading === null) this.#pieces.push(piece);
    else this.#reading(piece);
    this.#reading = null;
    await turn();
  }
  /** Whether somebody waits for more. */
  get read(): boolean {
    return this.#reading !== null;
  }

  #read(): Promise<string | null> {
    const piece = this.#pieces.shift();
    return piece === undefined ? new Promise((resolve) => (this.#reading = resolve)) : Promise.resolve(piece);
  }
}

async function turn(): Promise<void> {
  for (let index = 0; index < 20; index++) await Promise.resolve();
}

function stage(protocols = ["trunkline.v1"]) {
  const http = new StageHttp();
  const told: unknown[] = [];
  const link = openEventStreamLink(
    http,
    { url: "wss://user:secret@gateway.test/api/ws/v1/events?key=secret", protocols },
    {
      onOpen: (protocol) => told.push(`open ${protocol}`),
      onMessage: (data) => told.push(data),
      onClose: (close) => told.push(close),
    },
  );
  expect(told).toEqual([]);
  return { http, told, link };
}

async function opened() {
  const on = stage();
  await turn();
  on.http.answer({});
  await on.http.put('event: open\ndata: {"link":"a.b"}\n\n');
  expect(on.told.splice(0)).toEqual(["open trunkline.v1"]);
  return on;
}

it("§11.3 asks for a whole link at the stream's own path, and opens when its id came", async () => {
  const { http } = await opened();
  expect(http.gets).toEqual([
    {
      url: "https://user:secret@gateway.test/api/v1/events?key=secret",
      headers: { Accept: "text/event-stream", "Trunkline-Protocol": "trunkline.v1" },
    },
  ]);
});

it("§11.3 posts frames one at a time, numbered; waiting messages travel as one array", async () => {
  const { http, link } = await opened();
  for (const text of ['{"a":1}', '{"b":2}', '{"c":3}', "[1]", '{"d":4}']) link.send(text);
  expect(link.bufferedAmount).toBe(31);
  expect(http.posts.map(({ body }) => body)).toEqual(['{"a":1}']);
  expect(http.posts[0]?.url).toBe("https://user:secret@gateway.test/api/v1/events?key=secret&link=a.b&n=1");
  for (let index = 0; index < 4; index++) {
    http.posts[index]?.answer(204);
    await turn();
  }
  expect(http.posts.map(({ body }) => body)).toEqual(['{"a":1}', '[{"b":2},{"c":3}]', "[1]", '{"d":4}']);
  expect(http.posts.map(({ url }) => url.slice(-3))).toEqual(["n=1", "n=2", "n=3", "n=4"]);
  expect(link.bufferedAmount).toBe(0);
});

it("keeps a POST of several small enough for any gateway", async () => {
  const { http, link } = await opened();
  const text = JSON.stringify({ x: "é".repeat(3000) });
  for (let index = 0; index < 6; index++) link.send(text);
  for (let index = 0; index < 4; index++) {
    http.posts[index]?.answer(204);
    await turn();
  }
  expect(http.posts.map(({ body }) => (JSON.parse(body) as unknown[]).length ?? 1)).toEqual([1, 2, 2, 1]);
});

it.each([
  ["refused", (http: StageHttp) => http.posts[0]?.answer(404), "got HTTP 404"],
  ["lost", (http: StageHttp) => http.posts[0]?.fail(new Error("secret")), "could not be sent"],
])("§11.3 is lost with a POST that is %s, and holds no secret", async (_, happens, message) => {
  const { http, told, link } = await opened();
  link.send("one");
  link.send("two");
  happens(http);
  await turn();
  expect(told).toMatchObject([{ code: 1006, reason: "", cause: { code: "link.lost" } }]);
  const { cause } = told[0] as LinkClose;
  expect(String((cause as Error).message)).toContain(message);
  expect(String((cause as Error).stack)).not.toContain("secret");
  expect(http.posts).toHaveLength(1);
  expect(http.aborted).toBeGreaterThan(0);
  expect(link.bufferedAmount).toBe(0);
});

it("§6.1 a refusal by 401 or 403 counts as 4401 or 4403; anything but an event stream is a loss", async () => {
  for (const [answer, code] of [
    [{ status: 401 }, 4401],
    [{ status: 403 }, 4403],
    [{ status: 503 }, 1006],
    [{ contentType: "text/html" }, 1006],
    [{ contentType: null }, 1006],
  ] as const) {
    const { http, told } = stage();
    await turn();
    http.answer(answer);
    await turn();
    expect(told).toMatchObject([{ code, cause: { code: "link.lost" } }]);
    expect(((told[0] as LinkClose).cause as Error).message).not.toContain("secret");
    expect(http.aborted).toBeGreaterThan(0);
  }
});

it("tells a failed request with the network's reason, not with the text that may repeat the URL", async () => {
  const { http, told } = stage();
  await turn();
  http.fail(new TypeError("secret", { cause: new Error("ECONNREFUSED") }));
  await turn();
  expect(told).toMatchObject([{ code: 1006, cause: { code: "link.lost", cause: { message: "ECONNREFUSED" } } }]);
  expect(((told[0] as LinkClose).cause as Error).message).not.toContain("secret");
});

it("asks for nothing when the dialect is another", async () => {
  const { http, told } = stage([]);
  await turn();
  expect(http.gets).toEqual([]);
  expect(told).toMatchObject([{ code: 1006 }]);
});

it("§11.3 closes as the gateway says, behind what it said before; an end without that is a loss", async () => {
  const { http, told } = await opened();
  await http.put('data: a\n\ndata: b\n\nevent: close\ndata: {"code":4409,"reason":"newer"}\n\ndata: late\n\n');
  expect(told).toEqual(["a", "b", { code: 4409, reason: "newer" }]);
  for (const piece of [null, "event: close\ndata: {}\n\n"]) {
    const other = await opened();
    await other.http.put(piece);
    expect(other.told).toEqual([{ code: 1006, reason: "" }]);
  }
});

it("sends what waits before it closes, and tells the close it was asked for", async () => {
  const { http, told, link } = await opened();
  link.send("one");
  link.send("two");
  link.close(1001, "bye");
  link.send("late");
  await http.put("data: unheard\n\n");
  expect(told).toEqual([]);
  http.posts[0]?.answer(204);
  await turn();
  http.posts[1]?.answer(204);
  await turn();
  expect(http.posts.map(({ body }) => body)).toEqual(["one", "two"]);
  expect(told).toEqual([{ code: 1001, reason: "bye" }]);
});

it("reads nothing while it is paused", async () => {
  const { http, told, link } = await opened();
  link.pause?.();
  await http.put("data: a\n\ndata: b\n\n");
  await http.put("data: c\n\n");
  expect(told).toEqual([]);
  expect(http.read).toBe(false);
  link.resume?.();
  await turn();
  expect(told).toEqual(["a", "b", "c"]);
  expect(http.read).toBe(true);
});

it("gives up a frame without an end", async () => {
  const { http, told } = await opened();
  const piece = `data: ${"x".repeat(4 * 1024 * 1024)}`;
  for (let index = 0; index < 5; index++) await http.put(piece);
  expect(told).toMatchObject([{ code: 1006, cause: { code: "peer.too-large" } }]);
});
