// Events as an async iterable; apart from the client, so that only those who loop pay for it.
import type { ListenOptions } from "./emitter.ts";
import { UsageError } from "./errors.ts";

export interface EventsOptions extends ListenOptions {
  /** How many unread events are kept. @defaultValue 1000 */
  readonly limit?: number;
}

/** What can be looped over: a client, or any emitter. */
interface Source<Name extends string, Args extends readonly unknown[]> {
  on(name: Name, listener: (...args: Args) => unknown): () => void;
}

/**
 * What each event carries, from the first `next()` until the loop is left or `signal` aborts.
 * `for await (const [post, meta] of events(client, "post.created", { signal })) …`
 * @throws {UsageError} `usage.overflow` when more than `limit` events wait to be read
 */
export async function* events<Name extends string, Args extends readonly unknown[]>(
  source: Source<Name, Args>,
  name: Name,
  { signal, limit = 1000 }: EventsOptions = {},
): AsyncGenerator<Args, void> {
  const queue: Args[] = [];
  let over = false;
  let wake = (): void => {};
  const abort = (): void => wake();
  const undo = source.on(name, (...args) => {
    over ||= queue.push(args) > limit;
    wake();
  });
  signal?.addEventListener("abort", abort);
  try {
    while (!signal?.aborted) {
      if (over)
        throw new UsageError(
          "usage.overflow",
          `more than ${limit} unread "${name}" events: read faster, or raise limit`,
        );
      if (queue.length > 0) yield queue.shift() as Args;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    undo();
    signal?.removeEventListener("abort", abort);
  }
}
