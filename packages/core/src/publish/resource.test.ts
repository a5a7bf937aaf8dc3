import { EventEmitter } from "node:events";
import { describe, expect, it } from "vitest";
import { GatewayError } from "../errors.ts";
import type { PublishRequest } from "../wire/publish-request.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { type EventData, event } from "./event.ts";
import { ScopeValueError } from "./scope.ts";
import { createVerbs } from "./verbs.ts";

interface Post {
  readonly id: number;
  readonly organization_id?: number | null;
  readonly user_id?: number;
  title: string;
}
const post: Post = { id: 7, organization_id: 1, user_id: 2, title: "Hello" };

/** Verbs whose requests are kept, or fail with `failure`. */
function setUp(failure?: Error) {
  const sent: PublishRequest[] = [];
  const lines: { level: string; message: string; fields: unknown }[] = [];
  const line = (level: string) => (message: string, fields?: unknown) => void lines.push({ level, message, fields });
  const verbs = createVerbs({
    send: async (request) => {
      if (failure !== undefined) throw failure;
      sent.push(JSON.parse(JSON.stringify(request)) as PublishRequest);
      return { stream: request.channel ?? "", offset: sent.length, epoch: "e" };
    },
    clock: new ManualClock(),
    logger: { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") },
  });
  const data = (): readonly EventData[] => sent.map((request) => request.data as EventData);
  return { verbs, sent, lines, data };
}

describe("resource", () => {
  it("A-01 A-03 each call publishes exactly one event with the right action; the name is never scoped", async () => {
    const { verbs, sent } = setUp();
    for (const posts of [
      verbs.resource<Post>("Post"),
      verbs.resource<Post>("Post", { scope: ["organization_id"] }),
    ] as const) {
      await posts.created(post);
      await posts.updated(post);
      await posts.destroyed(post);
    }
    expect(sent.map((request) => [request.event, request.channel])).toEqual([
      ["post.created", "all"],
      ["post.updated", "all"],
      ["post.destroyed", "all"],
      ["post.created", "organization.1"],
      ["post.updated", "organization.1"],
      ["post.destroyed", "organization.1"],
    ]);
  });

  it("A-04 A-05 the scope's attributes are in their order, without a trailing _id or Id; functions work too", async () => {
    const { verbs, sent, data } = setUp();
    await verbs.resource<Post>("Post", { scope: ["organization_id", "user_id"] }).created(post);
    await verbs
      .resource<{ tenant: string; teamId: number; idle_id_x: number }>("Blog::Post", {
        scope: ["teamId", "tenant", "idle_id_x"],
      })
      .created({ tenant: "t", teamId: 3, idle_id_x: 4 });
    await verbs
      .resource<{ org: { id: number } }>("Post", { scope: { organization: ({ org }) => org.id } })
      .destroyed({ org: { id: 9 } });
    expect(sent.map(({ channel }) => channel)).toEqual([
      "organization.1.user.2",
      "team.3.tenant.t.idle_id_x.4",
      "organization.9",
    ]);
    expect(data().map(({ routing_key }) => routing_key)).toEqual([
      "organization.1.user.2.post.created",
      "team.3.tenant.t.idle_id_x.4.blog.post.created",
      "organization.9.post.destroyed",
    ]);
    for (const scope of [["organization_id", "organizationId"], ["_id"]] as const) {
      expect(() => verbs.resource<Record<string, unknown>>("Post", { scope })).toThrow(
        expect.objectContaining({ code: "usage.bad-argument" }),
      );
    }
  });

  it("A-06 a scope without a value rejects, and nothing is published", async () => {
    const { verbs, sent } = setUp();
    const posts = verbs.resource<Post>("Post", { scope: ["organization_id"] });
    for (const organization_id of [null, undefined]) {
      const failure = await posts.created({ ...post, organization_id } as Post).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(ScopeValueError);
      expect(failure).toMatchObject({ code: "usage.bad-scope" });
    }
    await expect(posts.created(null as unknown as Post)).rejects.toBeInstanceOf(ScopeValueError);
    expect(sent).toEqual([]);
  });

  it("A-07 an event has its own id, name, time, record, type and routing key, the id first", async () => {
    const { verbs, sent, data } = setUp();
    const posts = verbs.resource<Post>("Fake::Blog::Post", { scope: ["organization_id"] });
    await posts.created(post);
    await posts.created(post);
    const [first, second] = data();
    expect(first).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{32}$/),
      name: "fake.blog.post.created",
      occurred_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      record: post,
      record_type: "Fake::Blog::Post",
      routing_key: "organization.1.fake.blog.post.created",
    });
    expect(Object.keys(first ?? {}).slice(0, 2)).toEqual(["id", "name"]);
    expect(second?.id).not.toBe(first?.id);
    expect(sent.map(({ id }) => id)).toEqual(data().map(({ id }) => id));
  });

  it("A-08 changes are told of an update only", async () => {
    const { verbs, data } = setUp();
    const posts = verbs.resource<Post>("Post");
    await posts.created(post);
    await posts.updated(post, { changes: { title: ["Old", "Hello"] } });
    await posts.updated(post);
    expect(data().map(({ changes }) => changes)).toEqual([undefined, { title: ["Old", "Hello"] }, undefined]);
  });

  it("A-13 an event of anything is published without a resource", async () => {
    const { verbs, sent } = setUp();
    await verbs.publish(event("invoice.paid", { total: 3 }, { scope: { organization: 1234 } }));
    await verbs.publish(event("deployed", null));
    expect(sent).toMatchObject([
      {
        event: "invoice.paid",
        channel: "organization.1234",
        data: { name: "invoice.paid", record: { total: 3 }, routing_key: "organization.1234.invoice.paid" },
      },
      { event: "deployed", channel: "all", data: { routing_key: "deployed" } },
    ]);
    expect(() => event("a", 1, { scope: { organization: "" } })).toThrow(ScopeValueError);
  });

  it("A-14 the publisher names what its resources publish", () => {
    const { verbs } = setUp();
    verbs.resource("Post");
    verbs.resource("Post");
    expect(verbs.events.names()).toEqual(["post.created", "post.updated", "post.destroyed"]);
  });

  it("A-17 what is not among the actions is refused, and not registered", async () => {
    const { verbs, sent } = setUp();
    const posts = verbs.resource<Post>("Post", { actions: ["created"] });
    await posts.created(post);
    await expect(posts.updated(post)).rejects.toMatchObject({ code: "usage.unsupported" });
    await expect(posts.destroyed(post)).rejects.toMatchObject({ code: "usage.unsupported" });
    expect(sent.map((request) => request.event)).toEqual(["post.created"]);
    expect(verbs.events.names()).toEqual(["post.created"]);
  });

  it("shows of a record what toRecord says, under the state key that key says", async () => {
    const { verbs, sent, data } = setUp();
    const posts = verbs.resource<Post>("Post", { toRecord: ({ title }) => ({ title }), key: ({ id }) => `post-${id}` });
    await posts.created(post);
    expect(data()[0]?.record).toEqual({ title: "Hello" });
    expect(sent[0]?.key).toBe("post-7");
  });

  it("A-37 a function of the application that throws is a typed rejection", async () => {
    const { verbs } = setUp();
    const cause = new Error("no such column");
    const posts = verbs.resource<Post>("Post", {
      toRecord: () => {
        throw cause;
      },
    });
    await expect(posts.created(post)).rejects.toMatchObject({ code: "usage.listener-failed", cause });
  });
});

describe("bind", () => {
  it("A-11 publishes what an emitter told once it has committed, in order, as it was then", async () => {
    const { verbs, sent, data } = setUp();
    const orm = new EventEmitter();
    verbs.resource<Post>("Post").bind(orm, { after: "commit" });
    const record = { ...post };
    orm.emit("created", record);
    record.title = "Changed";
    orm.emit("updated", record, { changes: { title: ["Hello", "Changed"] } });
    expect(sent).toEqual([]);
    orm.emit("commit");
    orm.emit("commit");
    expect(sent.map((request) => request.event)).toEqual(["post.created", "post.updated"]);
    expect(data().map(({ record }) => (record as Post).title)).toEqual(["Hello", "Changed"]);
    expect(data()[1]?.changes).toEqual({ title: ["Hello", "Changed"] });
  });

  it("A-11 publishes nothing of what was rolled back, nor after its undo", () => {
    const { verbs, sent } = setUp();
    const orm = new EventEmitter();
    const undo = verbs.resource<Post>("Post").bind(orm);
    orm.emit("destroyed", post);
    orm.emit("rollback");
    orm.emit("commit");
    orm.emit("created", post);
    undo();
    orm.emit("commit");
    expect(sent).toEqual([]);
    expect(orm.eventNames()).toEqual([]);
  });

  it("publishes at once where the emitter speaks after the commit only, under its own names, its actions only", () => {
    const { verbs, sent } = setUp();
    const orm = new EventEmitter();
    const posts = verbs.resource<Post>("Post", { actions: ["created", "updated"] });
    posts.bind(orm, { after: "event", names: { created: "afterCreate" } });
    orm.emit("afterCreate", post);
    orm.emit("updated", post);
    orm.emit("destroyed", post);
    expect(sent.map((request) => request.event)).toEqual(["post.created", "post.updated"]);
  });

  it("A-09 a failure never reaches the emitter: it goes to onError, or to the log", async () => {
    const failure = new GatewayError("gateway.unavailable", "Redis can't be used just now");
    const { verbs, lines } = setUp(failure);
    const errors: unknown[] = [];
    const orm = new EventEmitter();
    const posts = verbs.resource<Post>("Post", { scope: ["organization_id"] });
    const undo = posts.bind(orm, { after: "event", onError: (error) => errors.push(error) });
    orm.emit("created", post);
    orm.emit("created", { ...post, organization_id: null });
    orm.emit("created", undefined);
    await Promise.resolve().then(() => {});
    undo();
    posts.bind(orm, { after: "event" });
    orm.emit("created", post);
    orm.emit("created", { ...post, organization_id: null });
    await new Promise(setImmediate);
    expect(errors).toHaveLength(3);
    expect(errors).toContain(failure);
    expect(lines.map(({ level, message }) => [level, message])).toEqual([
      ["warn", "an event was not published"],
      ["error", "no event could be made of a record"],
      ["warn", "an event was not published"],
    ]);
  });
});

describe("pub and push", () => {
  it("D-03 pub names its channel, says so at info, and gives the receipt", async () => {
    const { verbs, sent, lines } = setUp();
    expect(await verbs.pub("new model!", { channel: "trunkline/model_create", id: "m1" })).toEqual({
      stream: "trunkline/model_create",
      offset: 1,
      epoch: "e",
    });
    expect(sent).toEqual([{ event: "message", data: "new model!", channel: "trunkline/model_create", id: "m1" }]);
    expect(lines).toEqual([
      { level: "info", message: "sending a message", fields: { channel: "trunkline/model_create", id: "m1" } },
    ]);
    expect(JSON.stringify(lines)).not.toContain("new model!");
  });

  it("D-05 A-15 without a channel a message goes to all", async () => {
    const { verbs, sent } = setUp();
    await verbs.pub({ text: "hi" });
    expect(sent).toMatchObject([{ event: "message", channel: "all", id: expect.stringMatching(/^[0-9a-f]{32}$/) }]);
  });

  it("push is one append for each channel, with one id", async () => {
    const { verbs, sent } = setUp();
    const receipts = await verbs.push("hi", "a", "b");
    expect(receipts.map(({ stream }) => stream)).toEqual(["a", "b"]);
    expect(new Set(sent.map(({ id }) => id)).size).toBe(1);
    expect(sent[0]?.id).toMatch(/^push:[0-9a-f]{32}$/);
    await expect(verbs.push("hi")).rejects.toMatchObject({ code: "usage.bad-argument" });
    await expect(verbs.push("hi", "a", "~b*")).rejects.toMatchObject({ code: "usage.bad-argument" });
    expect(sent).toHaveLength(2);
    await verbs.push("hi", "a", "b*");
    expect(sent.slice(2).map(({ channel }) => channel)).toEqual(["a", "b*"]);
  });

  it("A-09 what nobody waits for does not end the process, and is logged without its data", async () => {
    const rejections: unknown[] = [];
    const note = (error: unknown): void => void rejections.push(error);
    process.on("unhandledRejection", note);
    const { verbs, lines } = setUp(new GatewayError("gateway.unavailable", "away"));
    void verbs.publish({ event: "a", data: "private" });
    void verbs.pub("private");
    void verbs.push("private", "x");
    void verbs.resource<Post>("Post").created(post);
    void verbs.resource<Post>("Post", { scope: { o: () => null } }).created(post);
    await new Promise(setImmediate);
    process.off("unhandledRejection", note);
    expect(rejections).toEqual([]);
    expect(lines.filter(({ level }) => level !== "info")).toHaveLength(5);
    expect(JSON.stringify(lines)).not.toContain("private");
  });
});
