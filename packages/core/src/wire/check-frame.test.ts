import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Checked,
  type Shape,
  type ShapeFields,
  checkFrame,
  clientShapes,
  gatewayShapes,
  shapeProblem,
} from "./check-frame.ts";

type Vector = {
  readonly name: string;
  readonly from: "client" | "gateway";
  readonly message: unknown;
} & (
  | { readonly kind: "frame" }
  | { readonly kind: "bad"; readonly problem: string }
  | { readonly kind: "unknown"; readonly type: string }
);

const path = new URL("../../../../test/vectors/frames.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(path, "utf8")) as { readonly cases: readonly Vector[] };
const shapesOf = { client: clientShapes, gateway: gatewayShapes } as const;

/** Replaces each field the shape names, at any depth, by a value of the wrong kind: [where, the message]. */
function* spoiled(value: unknown, shape: Shape, where: string): Generator<readonly [where: string, value: unknown]> {
  if (typeof shape === "string") {
    if (shape !== "any") yield [where, { secret: "SECRET" }];
  } else if (Array.isArray(shape)) {
    yield [where, "SECRET"];
    for (const [index, item] of (value as readonly unknown[]).entries()) {
      for (const [inner, wrong] of spoiled(item, shape[0] as Shape, `${where}[${index}]`)) {
        yield [inner, (value as readonly unknown[]).map((old, at) => (at === index ? wrong : old))];
      }
    }
  } else if ("optional" in shape) {
    yield* spoiled(value, shape.optional as Shape, where);
  } else {
    if (where.includes(".")) yield [where, "SECRET"];
    for (const [field, inner] of Object.entries(shape as ShapeFields)) {
      const now = (value as Readonly<Record<string, unknown>>)[field];
      if (now === undefined) continue;
      for (const [innerWhere, wrong] of spoiled(now, inner, `${where}.${field}`)) {
        yield [innerWhere, { ...(value as object), [field]: wrong }];
      }
    }
  }
}

describe("§3.2 frames.json", () => {
  it("holds a valid and a bad message of every type", () => {
    for (const from of ["client", "gateway"] as const) {
      for (const type of Object.keys(shapesOf[from])) {
        const mine = cases.filter(
          (one) => one.from === from && (one.message as { type?: unknown } | null)?.type === type,
        );
        expect(mine.map(({ kind }) => kind)).toEqual(expect.arrayContaining(["frame", "bad"]));
      }
    }
  });

  it.each(cases)("§3.2 from a $from: $name", (vector) => {
    const { from, message, kind } = vector;
    const checked: Checked<unknown> = checkFrame(message, shapesOf[from]);
    if (kind === "frame") expect(checked).toEqual({ kind, frame: message });
    else if (kind === "bad") expect(checked).toEqual({ kind, problem: vector.problem });
    else expect(checked).toEqual({ kind, type: vector.type });
    // The very object: a receiver does not pay for a copy.
    if (checked.kind === "frame") expect(checked.frame).toBe(message);
  });

  it("§3.2 every known field of every valid message is named when it has the wrong type, and no value is repeated", () => {
    let tried = 0;
    for (const { from, message, kind } of cases) {
      if (kind !== "frame") continue;
      const { type } = message as { readonly type: string };
      const shape = shapesOf[from][type] as ShapeFields;
      for (const [where, wrong] of spoiled(message, shape, type)) {
        const checked = checkFrame(wrong, shapesOf[from]);
        expect(checked).toEqual({
          kind: "bad",
          problem: expect.stringMatching(/: expected an? .+, got (string|object)$/),
        });
        expect(checked.kind === "bad" && checked.problem.startsWith(`${where}: `)).toBe(true);
        expect(JSON.stringify(checked)).not.toContain("SECRET");
        tried += 1;
      }
    }
    expect(tried).toBeGreaterThan(50);
  });
});

const shape: fc.Arbitrary<Shape> = fc.letrec<{ shape: Shape; array: readonly [Shape]; fields: ShapeFields }>((tie) => ({
  shape: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<Shape>("string", "string?", "count", "count?", "boolean?", "any"),
    tie("array"),
    tie("fields"),
    fc.oneof(tie("array"), tie("fields")).map((optional) => ({ optional })),
  ),
  array: fc.tuple(tie("shape")),
  fields: fc.dictionary(fc.constantFrom("type", "a", "b", "channel"), tie("shape"), { maxKeys: 3 }),
})).shape;

describe("checking is total", () => {
  const types = [...Object.keys(clientShapes), ...Object.keys(gatewayShapes), "event", "__proto__", "constructor"];
  const fields = [
    "token",
    "instance",
    "features",
    "streams",
    "channels",
    "channel",
    "position",
    "epoch",
    "offset",
    "tag",
    "id",
    "code",
  ];
  const nearly = fc
    .tuple(fc.constantFrom(...types), fc.dictionary(fc.constantFrom(...fields), fc.jsonValue({ maxDepth: 3 })))
    .map(([type, rest]): unknown => ({ ...rest, type }));

  it("§3.2 checkFrame answers any JSON value, and lets through only what its shape fits", () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), nearly), fc.constantFrom(clientShapes, gatewayShapes), (message, shapes) => {
        const checked = checkFrame(message, shapes);
        if (checked.kind === "frame") {
          const { type } = message as { readonly type: string };
          expect(shapeProblem(message, shapes[type] as Shape, type)).toBeNull();
        } else if (checked.kind === "bad") expect(checked.problem).toMatch(/^[a-z][A-Za-z.[\]0-9]*: expected /);
        else expect(Object.hasOwn(shapes, checked.type)).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });

  it("shapeProblem answers any JSON value against any shape", () => {
    fc.assert(
      fc.property(fc.jsonValue(), shape, (value, any) => {
        const problem = shapeProblem(value, any, "x");
        expect(problem === null || problem.startsWith("x")).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it("values outside JSON are answered too", () => {
    for (const value of [undefined, Number.NaN, Number.POSITIVE_INFINITY, 1n, Symbol("s"), () => 1, new Map()]) {
      expect(checkFrame(value, clientShapes)).toMatchObject({ kind: "bad" });
      expect(shapeProblem(value, "count", "x")).toMatch(/^x: expected an integer ≥ 0, got /);
    }
  });
});
