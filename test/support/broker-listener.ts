import type { Append, Broker, BrokerListener, Entry, Place, StreamName } from "@trunkline/core/ports";

/** Writes down what a broker tells it. */
export class Heard implements BrokerListener {
  readonly entries: Entry[] = [];
  readonly volatile: string[] = [];
  readonly doubts: StreamName[] = [];
  readonly available: boolean[] = [];

  onEntry(_stream: StreamName, entry: Entry): void {
    this.entries.push(entry);
  }
  onVolatile(_stream: StreamName, body: string): void {
    this.volatile.push(body);
  }
  onDoubt(stream: StreamName): void {
    this.doubts.push(stream);
  }
  onAvailable(available: boolean): void {
    this.available.push(available);
  }

  get offsets(): readonly number[] {
    return this.entries.map(({ offset }) => offset);
  }
}

/** Appends; anything but "appended" is a failure. */
export async function put(broker: Broker, stream: StreamName, append: Partial<Append> = {}): Promise<Place> {
  const appended = await broker.append(stream, { body: "{}", ...append });
  if (appended.kind !== "appended") throw new Error(`expected "appended", got "${appended.kind}"`);
  return appended.position;
}

/** The code of what `promise` rejects with, and its message. */
export async function failureOf(
  promise: Promise<unknown>,
): Promise<{ readonly code: string; readonly message: string }> {
  return promise.then(
    () => ({ code: "none", message: "it did not fail" }),
    (error: { readonly code: string; readonly message: string }) => ({ code: error.code, message: error.message }),
  );
}
