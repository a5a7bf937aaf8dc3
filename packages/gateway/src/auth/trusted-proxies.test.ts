import type { IncomingHttpHeaders } from "node:http";
import { describe, expect, it } from "vitest";
import { ReadRequest } from "./request-info.ts";
import { type ProxyHeader, farEnd, proxiesProblem } from "./trusted-proxies.ts";

const proxies = ["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"];

/** Address, TLS and host of a request that came from `from` with these headers. */
function seen(
  headers: IncomingHttpHeaders,
  from: string | undefined = "127.0.0.1",
  header: ProxyHeader = "x-forwarded-for",
) {
  const source = { headers: { host: "near.example", ...headers }, socket: { remoteAddress: from } };
  const { remoteAddress, secure, host } = new ReadRequest(source, farEnd(proxies, header));
  return [remoteAddress, secure, host];
}

describe("X-Forwarded-*", () => {
  const said = { "x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "https", "x-forwarded-host": "app.example" };

  it("count from a trusted proxy, and from nobody else", () => {
    for (const from of ["127.0.0.1", "10.9.8.7", "::ffff:10.9.8.7", "2001:db8:1::5"])
      expect(seen(said, from)).toEqual(["203.0.113.7", true, "app.example"]);
    for (const from of ["203.0.113.9", "11.0.0.1", "::1", "::ffff:11.0.0.1"])
      expect(seen(said, from)).toEqual([from, false, "near.example"]);
    expect(seen({})).toEqual(["127.0.0.1", false, "near.example"]);
  });

  it("nobody gets another address by sending the header: it is read from the near end, up to the first stranger", () => {
    expect(seen({ "x-forwarded-for": "1.1.1.1, 203.0.113.7" })[0]).toBe("203.0.113.7");
    expect(seen({ "x-forwarded-for": "1.1.1.1, 203.0.113.7, 10.0.0.2,10.0.0.1" })[0]).toBe("203.0.113.7");
    expect(seen({ "x-forwarded-for": "10.0.0.3, 10.0.0.2" })[0]).toBe("10.0.0.3");
  });

  it("one protocol and host for all, or one for each proxy", () => {
    const chain = "203.0.113.7, 10.0.0.2";
    expect(seen({ "x-forwarded-for": chain, "x-forwarded-proto": "https" })[1]).toBe(true);
    expect(seen({ "x-forwarded-for": chain, "x-forwarded-proto": "https, http" })[1]).toBe(true);
    expect(seen({ "x-forwarded-for": chain, "x-forwarded-proto": "http, https" })[1]).toBe(false);
    expect(seen({ "x-forwarded-for": `1.1.1.1, ${chain}`, "x-forwarded-proto": "https, http, http" })[1]).toBe(false);
    expect(seen({ "x-forwarded-for": chain, "x-forwarded-host": "a.example, b.example" })[2]).toBe("a.example");
  });

  it.each([
    ["203.0.113.7:4711", "203.0.113.7"],
    ["[2001:470::1]:4711", "2001:470::1"],
    ["2001:470::1", "2001:470::1"],
    ["unknown", "127.0.0.1"],
    ["203.0.113.7, unknown", "127.0.0.1"],
    ["<script>", "127.0.0.1"],
    [" , ", "127.0.0.1"],
  ])("%j is %s", (text, address) => {
    expect(seen({ "x-forwarded-for": text })[0]).toBe(address);
  });

  it("a socket without an address trusts nobody", () => {
    const source = { headers: { ...said, host: "near.example" }, socket: {} };
    expect(new ReadRequest(source, farEnd(proxies, "x-forwarded-for")).remoteAddress).toBeUndefined();
  });
});

describe("Forwarded", () => {
  const read = (forwarded: string, from?: string) => seen({ forwarded }, from, "forwarded");

  it("is read in its own form, from a trusted proxy", () => {
    expect(read('For="[2001:470::1]:4711";Proto=https;host=app.example;by=10.0.0.1')).toEqual([
      "2001:470::1",
      true,
      "app.example",
    ]);
    expect(read("for=1.1.1.1;proto=https, for=203.0.113.7;proto=http, for=10.0.0.2")).toEqual([
      "203.0.113.7",
      false,
      "near.example",
    ]);
    expect(read("for=203.0.113.7;proto=https", "203.0.113.9")).toEqual(["203.0.113.9", false, "near.example"]);
    expect(read("for=_hidden;proto=https")).toEqual(["127.0.0.1", true, "near.example"]);
  });

  it("and only the kind of header that the proxy sets: the other one came from outside", () => {
    const both = { forwarded: "for=1.1.1.1;proto=https", "x-forwarded-for": "203.0.113.7" };
    expect(seen(both)).toEqual(["203.0.113.7", false, "near.example"]);
    expect(seen(both, "127.0.0.1", "forwarded")).toEqual(["1.1.1.1", true, "near.example"]);
  });
});

it.each(["10.0.0.0/33", "10.0.0", "::/129", "10.0.0.0/8/8", "localhost", "", "10.0.0.0/", "10.0.0.0/x"])(
  "%j is no address",
  (text) => {
    expect(proxiesProblem(["::1", text])).toMatch(/^trustedProxies\[1\]: expected an address/);
  },
);

it("0.0.0.0/0 and ::/0 are anybody", () => {
  expect(proxiesProblem(["0.0.0.0/0", "::/0"])).toBeNull();
  const find = farEnd(["0.0.0.0/0", "::/0"], "x-forwarded-for");
  expect(find({ "x-forwarded-for": "1.1.1.1" }, { remoteAddress: "::1", secure: false, host: "h" }).remoteAddress).toBe(
    "1.1.1.1",
  );
});
