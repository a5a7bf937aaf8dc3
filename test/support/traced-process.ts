// One part of a traced system, as a process of its own: `gateway REDIS_URL`, `publisher GATEWAY_URL` or `listener GATEWAY_URL`.
// Writes what it did to stdout, one JSON object per line: `{ "ready": … }` once, and each span when it ends.
import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { type ReadableSpan, SimpleSpanProcessor, type SpanExporter, TracerProvider } from "@opentelemetry/sdk-trace";
import { redisBroker } from "@trunkline/broker-redis";
import { createGateway } from "@trunkline/gateway";
import { instrumentBroker, instrumentClient, instrumentGateway, instrumentPublisher } from "@trunkline/opentelemetry";
import { createClient, createOutbox } from "trunkline";

const [, , role = "", url = ""] = process.argv;
const apiKey = "sk_traced";
const say = (message: object): void => void process.stdout.write(`${JSON.stringify(message)}\n`);

const exporter: SpanExporter = {
  export: (spans, done) => {
    for (const span of spans) say(shown(span));
    done({ code: 0 });
  },
  shutdown: () => Promise.resolve(),
};
// As an application would: registered once, before anything is decorated, which then finds it by itself.
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));
const tracer = trace.getTracer("app");

const roles: Readonly<Record<string, () => Promise<unknown>>> = {
  async gateway() {
    const broker = instrumentBroker(redisBroker({ url }));
    const gateway = instrumentGateway(createGateway({ secretKeys: [{ key: apiKey, account: "acme" }], broker }));
    return (await gateway.listen({ port: 0 })).url;
  },
  async publisher() {
    const client = createClient({ url, apiKey });
    const outbox = instrumentPublisher(createOutbox(client));
    await client.ready();
    return tracer.startActiveSpan("request", async (span) => {
      const { offset } = await outbox.publish("post.created", { title: "Hello" }, { meta: { tenant: 7 } });
      span.end();
      return offset;
    });
  },
  async listener() {
    const client = instrumentClient(createClient({ url, apiKey }));
    client.on("post.created", async () => {
      await Promise.resolve();
      tracer.startSpan("render").end();
    });
    await client.ready();
    return client.health().connection;
  },
};

function shown(span: ReadableSpan): object {
  const { name, attributes, parentSpanContext } = span;
  const { traceId, spanId } = span.spanContext();
  return { name, traceId, spanId, parentId: parentSpanContext?.spanId, attributes };
}

say({ ready: await roles[role]?.() });
