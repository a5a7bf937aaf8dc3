import { type IncomingMessage, type ServerResponse, createServer, request as get } from "node:http";
import type { AddressInfo } from "node:net";
import { GatewayError, UsageError } from "@trunkline/core/errors";
import { afterEach, describe, expect, it } from "vitest";
import { PageSessions, type PageSessionsOptions } from "./page-sessions.ts";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A server that does `page` with each request. Answers `ask` with status, body and cookies. */
async function app(page: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>) {
  const server = createServer((request, response) => {
    Promise.resolve()
      .then(() => page(request, response))
      .then(
        () => response.end(),
        (error: unknown) => response.end(error instanceof Error ? `${error.name} ${error.message}` : ""),
      );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => new Promise((resolve) => server.close(resolve)));
  const { port } = server.address() as AddressInfo;
  return (path = "/", headers: Record<string, string> = {}, body = "") =>
    new Promise<{ readonly cookies: readonly string[]; readonly text: string }>((resolve, reject) => {
      const asked = get({ port, host: "127.0.0.1", path, headers, method: "POST", agent: false }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        response.on("end", () => resolve({ cookies: response.headers["set-cookie"] ?? [], text }));
      });
      asked.on("error", reject).end(body);
    });
}

function sessions(options: Partial<PageSessionsOptions> = {}): PageSessions {
  return new PageSessions({ signingKey: "a key", isSecure: () => false, ...options });
}

describe("PageSessions", () => {
  it("P-10 gives a visitor one cookie, beside the app's own, and knows it again", async () => {
    const visitors = sessions();
    const ask = await app(async (request, response) => {
      response.setHeader("Set-Cookie", "theme=dark");
      const [first, second] = await Promise.all([visitors.of(request, response), visitors.of(request, response)]);
      response.write(`${first} ${second} ${await visitors.read(request)}`);
    });
    const first = await ask();
    const [key, again, read] = first.text.split(" ");
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    expect(again).toBe(key);
    expect(read).toBe("null");
    expect(first.cookies).toHaveLength(2);
    expect(first.cookies[0]).toBe("theme=dark");
    const cookie = (first.cookies[1] ?? "").replace(/;.*/, "");
    expect(cookie).toMatch(`tl_key=${key}.`);
    const later = await ask("/", { cookie });
    expect(later).toEqual({ cookies: ["theme=dark"], text: `${key} ${key} ${key}` });
  });

  it("P-10 takes no key from the query or the body", async () => {
    const visitors = sessions();
    const ask = await app(async (request, response) => void response.write(await visitors.of(request, response)));
    const first = await ask();
    const value = /tl_key=([^;]*)/.exec(first.cookies[0] ?? "")?.[1] ?? "";
    const form = `tl_key=${value}&socket_key=${first.text}&key=${first.text}`;
    const other = await ask(`/?${form}`, { "content-type": "application/x-www-form-urlencoded" }, form);
    expect(other.text).toMatch(/^[0-9a-f]{64}$/);
    expect(other.text).not.toBe(first.text);
    expect((await ask("/", { "x-tl-key": value, authorization: `Bearer ${value}` })).text).not.toBe(first.text);
  });

  it("keeps the cookie to TLS where the request came over it", async () => {
    const visitors = sessions({ isSecure: ({ headers }) => headers["x-forwarded-proto"] === "https" });
    const ask = await app(async (request, response) => void (await visitors.of(request, response)));
    expect((await ask()).cookies[0]).not.toContain("Secure");
    expect((await ask("/", { "x-forwarded-proto": "https" })).cookies[0]).toMatch(/; Secure$/);
  });

  it("puts the cookie on the response at once, and says so where it is too late", async () => {
    const visitors = sessions();
    const ask = await app((request, response) => {
      void visitors.of(request, response);
      response.write("said");
    });
    expect((await ask()).cookies).toHaveLength(1);
    const late = await app(async (request, response) => {
      response.flushHeaders();
      await expect(visitors.of(request, response)).rejects.toThrow(UsageError);
      await visitors.of(request, response);
    });
    expect((await late()).text).toContain("UsageError expected a response that has not begun");
  });

  it("keeps the key in the sessions of an app that has its own", async () => {
    const kept = new Map<string, string>();
    const visitors = sessions({
      store: {
        get: async ({ headers }) => kept.get(headers.cookie ?? ""),
        set: async ({ headers }, _, key) => void kept.set(headers.cookie ?? "", key),
      },
    });
    const ask = await app(async (request, response) => {
      const [first, second] = await Promise.all([visitors.of(request, response), visitors.of(request, response)]);
      response.write(`${first} ${second} ${await visitors.read(request)}`);
    });
    const ada = await ask("/", { cookie: "sid=ada" });
    const [key] = ada.text.split(" ");
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    expect(ada).toEqual({ cookies: [], text: `${key} ${key} ${key}` });
    expect(await ask("/", { cookie: "sid=ada" })).toEqual(ada);
    expect((await ask("/", { cookie: "sid=bob" })).text).not.toContain(key);
    expect(kept.size).toBe(2);
  });

  it("says that the app's store failed, and asks it anew", async () => {
    let fails = true;
    const get = (): string => {
      if (fails) throw new Error("no connection");
      return "known";
    };
    const visitors = sessions({ store: { get, set: () => {} } });
    await expect(visitors.read({ headers: {} })).rejects.toThrow(GatewayError);
    const wrong = sessions({ store: { get: () => 7 as unknown as string, set: () => {} } });
    await expect(wrong.read({ headers: {} })).rejects.toMatchObject({
      code: "gateway.internal",
      cause: expect.objectContaining({ message: "expected a key as text, got number" }),
    });
    const ask = await app(async (request, response) => {
      await expect(visitors.of(request, response)).rejects.toMatchObject({ code: "gateway.internal" });
      fails = false;
      response.write(await visitors.of(request, response));
    });
    expect((await ask()).text).toBe("known");
  });
});
