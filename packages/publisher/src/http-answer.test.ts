import { describe, expect, it } from "vitest";
import { readAnswer } from "./http-answer.ts";

const read = (status: number, body: unknown, { events = 1, retryAfter = null as string | null } = {}) =>
  readAnswer({ status, text: typeof body === "string" ? body : JSON.stringify(body), retryAfter }, events);
const error = (code: string) => ({ error: { code, message: "words of the gateway" } });
const receipt = { stream: "a", offset: 1, epoch: "e" };

describe("readAnswer", () => {
  it("§8.3 reads a batch item by item", () => {
    const answers = read(
      207,
      [
        { status: 202, ...receipt, more: 1 },
        { status: 409, ...error("gateway.conflict") },
      ],
      {
        events: 2,
      },
    );
    expect(answers).toMatchObject([
      { kind: "accepted", receipt },
      { kind: "refused", error: { name: "GatewayError", code: "gateway.conflict", message: "words of the gateway" } },
    ]);
    expect((answers[0] as { receipt: object }).receipt).toEqual(receipt);
  });

  it("§8.4 takes each code for what may be done about it", () => {
    const kinds = {
      "gateway.bad-request": "refused",
      "gateway.unauthorized": "refused",
      "gateway.forbidden": "refused",
      "gateway.too-large": "refused",
      "gateway.limit": "refused",
      "gateway.conflict": "refused",
      "gateway.unavailable": "again",
      "gateway.rate-limited": "again",
      "gateway.outcome-unknown": "refused",
      "gateway.internal": "doubt",
    };
    for (const [code, kind] of Object.entries(kinds)) {
      expect(read(400, error(code), { events: 2 })).toMatchObject([
        { kind, error: { code } },
        { kind, error: { code } },
      ]);
      expect(read(207, [{ status: 400, ...error(code) }])).toMatchObject([{ kind, error: { code } }]);
    }
    expect(read(408, error("gateway.bad-request"))).toMatchObject([{ kind: "again" }]);
  });

  it("waits as long as it is told to", () => {
    expect(read(503, error("gateway.unavailable"), { retryAfter: "2" })).toMatchObject([
      { kind: "again", afterMs: 2000 },
    ]);
    for (const retryAfter of ["Wed, 21 Oct 2026 07:28:00 GMT", "-1", ""])
      expect(read(503, error("gateway.unavailable"), { retryAfter })[0]).not.toHaveProperty("afterMs");
  });

  it("what does not come from a gateway is typed too", () => {
    const cases: readonly (readonly [number, unknown, string, string])[] = [
      [401, "no", "refused", "gateway.unauthorized"],
      [403, {}, "refused", "gateway.forbidden"],
      [413, "", "refused", "gateway.too-large"],
      [429, "slow down", "again", "gateway.rate-limited"],
      [500, "", "doubt", "gateway.unavailable"],
      [502, "<html>", "doubt", "gateway.unavailable"],
      [301, "", "refused", "peer.bad-frame"],
      [404, "", "refused", "peer.bad-frame"],
      [200, "<html>", "refused", "peer.bad-frame"],
      [202, "{}", "doubt", "peer.bad-frame"],
      [202, [], "doubt", "peer.bad-frame"],
      [202, [null], "refused", "peer.bad-frame"],
      [202, [{ status: 202, stream: 1 }], "refused", "peer.bad-frame"],
    ];
    for (const [status, body, kind, code] of cases)
      expect(read(status, body), `${status} ${JSON.stringify(body)}`).toMatchObject([{ kind, error: { code } }]);
  });
});
