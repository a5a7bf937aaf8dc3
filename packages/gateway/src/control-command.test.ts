import { expect, it } from "vitest";
import type { Principal } from "./auth/principal.ts";
import {
  type ConnectionFilter,
  type FilterSubject,
  filterProblem,
  isSendableCode,
  matches,
} from "./control-command.ts";

const user: Principal = { kind: "user", account: "acme", id: "42" };
const page: Principal = { kind: "public", account: "acme", channel: "news", keyId: "12345678" };

function subject(principal: Principal): FilterSubject {
  return { id: "c1", principal, scope: "organization.1", isOn: (channel) => channel === "news" };
}

it.each<[ConnectionFilter, readonly [ofUser: boolean, ofPage: boolean]]>([
  [{ everyone: true }, [true, true]],
  [{ account: "acme" }, [true, true]],
  [{ account: "globex", user: "42" }, [false, false]],
  [{ user: "42" }, [true, false]],
  [{ key: "12345678" }, [false, true]],
  [{ scope: "organization.1" }, [true, true]],
  [{ scope: "organization.11" }, [false, false]],
  [{ channel: "news", user: "42" }, [true, false]],
  [{ channel: "new" }, [false, false]],
  [{ connection: "c1" }, [true, true]],
  [{ connection: "c2", account: "acme" }, [false, false]],
])("a filter takes those that match every field: %j", (filter, expected) => {
  expect(filterProblem(filter)).toBeNull();
  expect([user, page].map((principal) => matches(filter, subject(principal)))).toEqual(expected);
});

it.each<[unknown, RegExp]>([
  [{}, /at least one field.*everyone: true/],
  [{ user: undefined }, /at least one field/],
  [{ everyone: false }, /expected true/],
  [{ everyone: true, user: "42" }, /no other field/],
  [{ usr: "42" }, /got "usr"/],
  [{ user: 42 }, /filter.user: .* got number/],
  [{ user: "" }, /filter.user: .* got 0/],
  [{ channel: "x".repeat(10_000) }, /got 10000/],
  [null, /expected an object/],
  [["user"], /expected an object/],
])("refuses a filter that may not say what was meant: %j", (filter, problem) => {
  expect(filterProblem(filter)).toMatch(problem);
});

it("knows the codes that a close frame may carry", () => {
  const codes = [1000, 1011, 3000, 4401, 4999, 999, 1004, 1005, 1006, 1015, 2000, 5000, 4401.5, Number.NaN];
  expect(codes.filter(isSendableCode)).toEqual([1000, 1011, 3000, 4401, 4999]);
});
