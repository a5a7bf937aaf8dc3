// Shapes as data and one walker, so that a wrong field is named: "hello.streams[2].channel: expected a string, got 7".

/**
 * What a value must be: a type name (`?` after it makes it optional), `[shape]` for an array, or an object of shapes,
 * whose further fields are ignored (PROTOCOL §3.2). "count" is an integer ≥ 0.
 */
export type Shape =
  | "string"
  | "string?"
  | "count"
  | "count?"
  | "number?"
  | "boolean?"
  | "function"
  | "function?"
  | "object?"
  | "any"
  | readonly [Shape]
  | ShapeFields
  | Optional;
export interface ShapeFields {
  readonly [field: string]: Shape;
}
interface Optional {
  readonly optional: readonly [Shape] | ShapeFields;
}

const state: Optional = { optional: { revision: "count", tag: "string" } };
const position: ShapeFields = { epoch: "string", offset: "count", tag: "string", state };
const streams: readonly [Shape] = [
  { channel: "string", position: { optional: position }, token: "string?", rewind: "count?" },
];
const ping: ShapeFields = { id: "count?" };

/** Shapes of what clients send, by `type`. */
export const clientShapes: Readonly<Record<string, ShapeFields>> = {
  hello: {
    token: "string?",
    instance: "string",
    generation: "count?",
    client: "string?",
    features: { optional: ["string"] },
    streams: { optional: streams },
    scope: "string?",
  },
  subscribe: { streams },
  unsubscribe: { channels: { optional: ["string"] } },
  auth: { token: "string" },
  // What it publishes is checked as every other publish is.
  publish: { ref: "count", event: "string", retryMs: "count?" },
  presence: { ref: "count", enter: { optional: [{ channel: "string" }] }, leave: { optional: ["string"] } },
  history: { ref: "count", channel: "string", before: "count?", limit: "count?" },
  call: { ref: "count" },
  ping,
  pong: ping,
};

const verdicts: readonly [Shape] = [{ channel: "string", verdict: "string", position: { optional: position } }];

/** Shapes of what gateways send, by `type`; `event` is left to the channel table, which reads every field itself. */
export const gatewayShapes: Readonly<Record<string, ShapeFields>> = {
  connected: { connection: "string", heartbeatMs: "count", spreadMs: "count", streams: verdicts },
  verdict: { streams: verdicts },
  ping: {
    id: "count?",
    positions: { optional: [{ channel: "string", offset: "count", tag: "string", state }] },
    spreadMs: "count?",
  },
  pong: ping,
  published: { ref: "count", offset: "count?", error: { optional: { code: "string", message: "string" } } },
  auth: { expiresInMs: "count?" },
  presence: { ref: "count" },
  history: { ref: "count" },
  drain: { spreadMs: "count" },
  error: { code: "string", message: "string", fatal: "boolean?" },
};

/** What is wrong with `value`, beginning with the field's path, or null. */
export function shapeProblem(value: unknown, shape: Shape, path: string): string | null {
  if (typeof shape === "string") {
    const optional = shape.endsWith("?");
    const type = optional ? shape.slice(0, -1) : shape;
    if (type === "any" || (optional && value === undefined)) return null;
    const fits = type === "count" ? Number.isSafeInteger(value) && (value as number) >= 0 : typeof value === type;
    return fits ? null : `${path}: expected ${type === "count" ? "an integer ≥ 0" : `a ${type}`}, got ${nameOf(value)}`;
  }
  if (isArrayShape(shape)) {
    if (!Array.isArray(value)) return `${path}: expected an array, got ${nameOf(value)}`;
    for (const [index, item] of value.entries()) {
      const problem = shapeProblem(item, shape[0], `${path}[${index}]`);
      if (problem !== null) return problem;
    }
    return null;
  }
  if ("optional" in shape) return value === undefined ? null : shapeProblem(value, shape.optional as Shape, path);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return `${path}: expected an object, got ${nameOf(value)}`;
  }
  for (const [field, inner] of Object.entries(shape as ShapeFields)) {
    const problem = shapeProblem((value as Record<string, unknown>)[field], inner, `${path}.${field}`);
    if (problem !== null) return problem;
  }
  return null;
}

function isArrayShape(shape: Shape): shape is readonly [Shape] {
  return Array.isArray(shape);
}

/** A value as a person would name it; long strings and all objects by kind only, so that no secret is repeated. */
function nameOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "number" || typeof value === "boolean" ? String(value) : typeof value;
}

/** A message that is fit to be read, what is wrong with it, or a type this version does not know. */
export type Checked<Frame> =
  | { readonly kind: "frame"; readonly frame: Frame }
  | { readonly kind: "bad"; readonly problem: string }
  | { readonly kind: "unknown"; readonly type: string };

/** Checks one decoded message against `shapes` (PROTOCOL §3.2). Total: any value gets an answer. */
export function checkFrame<Frame>(message: unknown, shapes: Readonly<Record<string, ShapeFields>>): Checked<Frame> {
  const type = (message as { readonly type?: unknown } | null | undefined)?.type;
  if (typeof type !== "string") return { kind: "bad", problem: `type: expected a string, got ${nameOf(type)}` };
  const shape = Object.hasOwn(shapes, type) ? shapes[type] : undefined;
  if (shape === undefined) return { kind: "unknown", type };
  const problem = shapeProblem(message, shape, type);
  return problem === null ? { kind: "frame", frame: message as Frame } : { kind: "bad", problem };
}
