// Callbacks of the app may answer at once or later; who has not to be waited for costs no promise.

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as Partial<PromiseLike<unknown>> | null | undefined)?.then === "function";
}
