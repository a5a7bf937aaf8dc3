/** `promise` itself. Where nobody waits for it, its rejection goes to `report` alone, and does not end the process. */
export function handled<Value>(promise: Promise<Value>, report: (error: unknown) => void): Promise<Value> {
  promise.catch(report);
  return promise;
}
