import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { CloseCode, MessageType, browserCloseCode, meantCloseCode, retryRule } from "./codes.ts";

interface CloseRow {
  readonly code: number;
  readonly name: string;
  readonly retry: string;
  readonly meaning: string;
}
const rows = JSON.parse(
  readFileSync(new URL("../../../../test/vectors/closes.json", import.meta.url), "utf8"),
) as readonly CloseRow[];

it("G-47 the close codes of RFC 6455 §7.4.1 and its registry have the RFC's values", () => {
  expect(CloseCode).toMatchObject({
    normal: 1000,
    goingAway: 1001,
    protocolError: 1002,
    unsupportedData: 1003,
    noStatus: 1005,
    abnormal: 1006,
    invalidPayload: 1007,
    policyViolation: 1008,
    tooLarge: 1009,
    extensionRequired: 1010,
    internalError: 1011,
    serviceRestart: 1012,
    tryAgainLater: 1013,
    tlsFailed: 1015,
  });
});

it("G-47 message types are the opcodes of RFC 6455 §5.2", () => {
  expect(MessageType).toEqual({ text: 1, binary: 2 });
});

it("§6.1 closes.json lists every code under its own name, once", () => {
  const listed = Object.fromEntries(rows.map((row) => [camelCase(row.name), row.code]));
  expect(listed).toEqual(CloseCode);
  expect(rows.length).toBe(Object.keys(CloseCode).length);
  expect(rows.every((row) => row.meaning.length > 0)).toBe(true);
});

it("§6.1 what follows each close is what closes.json says", () => {
  expect(rows.map((row) => [row.code, retryRule(row.code)])).toEqual(rows.map((row) => [row.code, row.retry]));
});

it("§6.1 codes nobody knows are a loss like any other, save those of Trunkline's own range", () => {
  expect([0, 999, 1004, 2000, 3000, 4000, 4399, 4500, 4999].map(retryRule)).toEqual(Array(9).fill("backoff"));
  expect([4402, 4499].map(retryRule)).toEqual(["never", "never"]);
});

it("G-48 a browser sends only codes it may, and what it meant can be read back", () => {
  const legal = (code: number) => code === 1000 || (code >= 3000 && code <= 4999);
  for (let code = 1000; code <= 1015; code++) {
    expect(legal(browserCloseCode(code))).toBe(true);
    expect(meantCloseCode(browserCloseCode(code))).toBe(code);
  }
  expect([1001, 1008, 1011].map(browserCloseCode)).toEqual([4901, 4908, 4911]);
});

it("G-48 codes a browser may send travel as they are", () => {
  for (const code of [1000, 3000, 4400, 4401, 4900, 4916, 4999]) {
    expect([browserCloseCode(code), meantCloseCode(code)]).toEqual([code, code]);
  }
});

it("G-48 a number that is no close code travels as 1000", () => {
  for (const code of [-1, 0, 999, 1016, 2999, 5000, Number.NaN]) expect(browserCloseCode(code)).toBe(1000);
});

function camelCase(name: string): string {
  return name.replace(/-(.)/g, (_match, letter: string) => letter.toUpperCase());
}
