// The part of OpenTelemetry's tracing API that is used, so that the core needs no package for it. A TracerProvider of
// `@opentelemetry/api` 1.x fits, and a span fits the other way too.

export interface TracerProviderLike {
  getTracer(name: string, version?: string): TracerLike;
}

export interface TracerLike {
  /** Without a context the parent is the active span. */
  startSpan(name: string, options?: SpanOptionsLike, context?: TraceContextLike): SpanLike;
  /** Runs `work` while the new span, a child of what `context` holds, is the active one. Ends nothing. */
  startActiveSpan<Work extends (span: SpanLike) => unknown>(
    name: string,
    options: SpanOptionsLike,
    context: TraceContextLike,
    work: Work,
  ): ReturnType<Work>;
}

export interface SpanOptionsLike {
  /** 0 internal, 2 client, as in OpenTelemetry's `SpanKind`. */
  kind?: number;
  attributes?: Record<string, unknown>;
  links?: { context: SpanContextLike }[];
  /** Whether the span begins a trace, whatever is active. */
  root?: boolean;
}

/** What an operation is called in a trace. */
export interface SpanLike {
  spanContext(): SpanContextLike;
  setAttribute(key: string, value: unknown): this;
  setAttributes(attributes: Record<string, unknown>): this;
  addEvent(name: string, attributes?: Record<string, unknown>): this;
  addLink(link: { context: SpanContextLike }): this;
  addLinks(links: { context: SpanContextLike }[]): this;
  /** 0 unset, 1 ok, 2 error, as in OpenTelemetry's `SpanStatusCode`. */
  setStatus(status: { code: number; message?: string }): this;
  updateName(name: string): this;
  end(): void;
  isRecording(): boolean;
  recordException(exception: { message: string; name?: string; stack?: string } | string): void;
}

export interface SpanContextLike {
  traceId: string;
  spanId: string;
  isRemote?: boolean;
  traceFlags: number;
  traceState?: TraceStateLike;
}

export interface TraceStateLike {
  set(key: string, value: string): TraceStateLike;
  unset(key: string): TraceStateLike;
  get(key: string): string | undefined;
  serialize(): string;
}

/** What travels with a call; holds, among others, the active span. */
export interface TraceContextLike {
  getValue(key: symbol): unknown;
  setValue(key: symbol, value: unknown): TraceContextLike;
  deleteValue(key: symbol): TraceContextLike;
}
