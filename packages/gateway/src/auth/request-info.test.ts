import { inspect } from "node:util";
import { expect, it } from "vitest";
import { ReadRequest } from "./request-info.ts";

it("A-23 segments of the path and parameters of the query are decoded", () => {
  const request = new ReadRequest({ url: "/organization/1234?token=a%20b", headers: {} });
  expect(request.segments).toEqual(["organization", "1234"]);
  expect(request.params.get("token")).toBe("a b");
  expect(request.path).toBe("/organization/1234");
});

it("A-23 pairs without a value, repeated slashes, escaped slashes and broken escapes are taken as they can be", () => {
  const request = new ReadRequest({ url: "//a%2Fb/%zz/?flag&x=1&x=2#y", headers: {} });
  expect(request.segments).toEqual(["a/b", "%zz"]);
  expect([request.params.get("flag"), request.params.getAll("x")]).toEqual(["", ["1", "2"]]);
  expect(new ReadRequest({ headers: {} }).segments).toEqual([]);
});

it("A-23 cookies are decoded; of two of one name the first counts; what is no pair is none", () => {
  const cookie = 'sid=a%20b; theme="dark"; sid=forged; broken; =x; eq=a=b; __proto__=p; bad=%zz';
  const { cookies } = new ReadRequest({ headers: { cookie } });
  expect([...cookies]).toEqual([
    ["sid", "a b"],
    ["theme", "dark"],
    ["eq", "a=b"],
    ["__proto__", "p"],
    ["bad", "%zz"],
  ]);
});

it.each([
  ["https://a.example", "cross-site", "https://a.example"],
  [undefined, "same-origin", "http://h"],
  [undefined, "cross-site", "null"],
  [undefined, "same-site", "null"],
  [undefined, "none", undefined],
  [undefined, undefined, undefined],
])("§2.5 of a page that browsers name as %s, %s, the origin is %s", (origin, site, expected) => {
  const headers = { host: "h", ...(origin && { origin }), ...(site && { "sec-fetch-site": site }) };
  expect(new ReadRequest({ headers }).origin).toBe(expected);
});

it("R-14 a judged credential is forgotten, and nothing of a request shows when it is printed", () => {
  const request = new ReadRequest({
    url: "/x?api_key=hunter2&room=1",
    headers: { authorization: "Bearer hunter2", cookie: "sid=hunter2", host: "h", "sec-websocket-key": "x" },
    socket: { remoteAddress: "10.0.0.1", encrypted: true },
  });
  expect(request.headers.authorization).toBe("Bearer hunter2");
  request.settle();
  expect([request.headers, request.params.toString()]).toEqual([{ cookie: "sid=hunter2", host: "h" }, "room=1"]);
  expect([request.remoteAddress, request.secure]).toEqual(["10.0.0.1", true]);
  for (const printed of [JSON.stringify({ request }), inspect({ request }, { depth: 9, showHidden: true })])
    expect(printed).not.toMatch(/hunter2/);
});
