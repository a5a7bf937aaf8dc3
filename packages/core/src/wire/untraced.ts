/**
 * The stored text of an event without the W3C trace context in its `meta`: what a repetition of an `id` is compared by
 * (PROTOCOL §8.2), since each attempt has a trace of its own. Total.
 */
export function untraced(body: string): string {
  if (!body.includes('"traceparent"')) return body;
  try {
    const { meta, ...event } = JSON.parse(body) as { readonly meta?: unknown };
    if (typeof meta !== "object" || meta === null || Array.isArray(meta)) return body;
    const { traceparent: _parent, tracestate: _state, ...own } = meta as Readonly<Record<string, unknown>>;
    return JSON.stringify(Object.keys(own).length === 0 ? event : { ...event, meta: own });
  } catch {
    // No event of ours.
    return body;
  }
}
