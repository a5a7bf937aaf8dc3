import { expect, it } from "vitest";
import { connectionIdFromDocument, resolveSocketUrl, withConnection } from "./page.ts";

const id = "MTIz~a-b_c=";

function pageWith(value: string | null) {
  return { body: { getAttribute: (name: string) => (name === "data-trunkline-connection" ? value : null) } };
}

it("P-15 a page's connection id is on its body", () => {
  expect(connectionIdFromDocument(pageWith(id))).toBe(id);
  for (const page of [pageWith(null), pageWith(""), { body: null }, undefined])
    expect(connectionIdFromDocument(page)).toBeNull();
});

it.each([
  ["https://app.example.com", "https://app.example.com?connection=MTIz~a-b_c%3D"],
  ["https://app.example.com/base/", "https://app.example.com/base/?connection=MTIz~a-b_c%3D"],
  ["app.example.com?tenant=a", "app.example.com?tenant=a&connection=MTIz~a-b_c%3D"],
  ["http://h:1/page?x=1#part?", "http://h:1/page?x=1&connection=MTIz~a-b_c%3D"],
])("%s with a connection is %s", (url, expected) => {
  expect(withConnection(url, id)).toBe(expected);
  expect(withConnection(url, null)).toBe(url);
});

it.each([
  ["https://app.example.com/some/page?x=1#y", "wss://app.example.com/api/ws/v1/events"],
  ["https://app.example.com:8443/some/page", "wss://app.example.com:8443/api/ws/v1/events"],
  ["http://app.example.com/", "ws://app.example.com/api/ws/v1/events"],
  ["http://localhost:3000/", "ws://localhost:3000/api/ws/v1/events"],
])("P-16 the socket of %s is at %s", (page, socket) => {
  const url = new URL(resolveSocketUrl(new URL(page), { connectionId: "a&b=c+d#e é" }));
  expect(`${url.origin}${url.pathname}`).toBe(socket);
  expect([...url.searchParams]).toEqual([["connection", "a&b=c+d#e é"]]);
  expect(resolveSocketUrl(new URL(page), { path: "/live?v=2", connectionId: id })).toBe(
    `${new URL(socket).origin}/live?v=2&connection=MTIz~a-b_c%3D`,
  );
});
