import { describe, expect, it } from "vitest";
import { countRefused, createStats, metricsPage, publishObserver, statsSnapshot } from "./metrics.ts";

/** The samples of a page, `name{labels}` → value. */
async function samples(page: () => Promise<{ readonly text: string }>): Promise<Map<string, number>> {
  const lines = (await page()).text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]),
  );
}

describe("metrics", () => {
  it("A-38 a snapshot adds up connections, publishes and refusals, and does not change afterwards", () => {
    const stats = createStats();
    stats.connections.v1 = 2;
    stats.connections.plain = 3;
    stats.published.log = 4;
    stats.published.volatile = 1;
    stats.channels = 6;
    countRefused(stats, "gateway.unauthorized");
    countRefused(stats, "gateway.unauthorized");
    countRefused(stats, "gateway.conflict");
    const snapshot = statsSnapshot(stats);
    stats.connections.v1 = 100;
    stats.channels = 0;
    expect(snapshot).toEqual({
      connections: 5,
      channels: 6,
      members: 0,
      brokerSubscriptions: 0,
      published: 5,
      delivered: 0,
      bytes: 0,
      dropped: 0,
      lagging: 0,
      refused: 3,
      errors: 0,
      draining: false,
    });
  });

  it("a scrape shows the numbers of its moment, counters without doubling", async () => {
    const stats = createStats();
    const page = metricsPage(stats);
    stats.connections.plain = 3;
    stats.published.log = 7;
    stats.delivered = 40;
    stats.bytes = 1234;
    countRefused(stats, "gateway.forbidden");
    expect(await samples(page)).toEqual(await samples(page));
    stats.connections.plain = 1;
    stats.published.log = 8;
    stats.draining = true;
    const now = await samples(page);
    expect(now.get('trunkline_connections{dialect="plain"}')).toBe(1);
    expect(now.get('trunkline_connections{dialect="v1"}')).toBe(0);
    expect(now.get('trunkline_events_published_total{delivery="log"}')).toBe(8);
    expect(now.get("trunkline_messages_delivered_total")).toBe(40);
    expect(now.get("trunkline_sent_bytes_total")).toBe(1234);
    expect(now.get('trunkline_refused_total{reason="gateway.forbidden"}')).toBe(1);
    expect(now.get("trunkline_draining")).toBe(1);
  });

  it("the publish histogram is cumulative and ends at +Inf", async () => {
    const stats = createStats();
    for (const durationMs of [0.05, 0.1, 0.2, 3, 60_000]) publishObserver(stats).accepted("log", false, durationMs);
    const now = await samples(metricsPage(stats));
    const bucket = (le: string): number | undefined => now.get(`trunkline_publish_duration_seconds_bucket{le="${le}"}`);
    expect(["0.0001", "0.00025", "0.005", "5", "+Inf"].map(bucket)).toEqual([2, 3, 4, 4, 5]);
    expect(now.get("trunkline_publish_duration_seconds_count")).toBe(5);
    expect(now.get("trunkline_publish_duration_seconds_sum")).toBeCloseTo(60.00335);
  });

  it("R-20 every metric is named trunkline_*, has a help and a type", async () => {
    const { text, contentType } = await metricsPage(createStats())();
    expect(contentType).toMatch(/^text\/plain/);
    const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
    expect(types.length).toBeGreaterThan(10);
    for (const [, name, type] of types) {
      expect(name).toMatch(/^trunkline_[a-z_]+$/);
      expect(text).toMatch(new RegExp(`^# HELP ${name} \\S`, "m"));
      expect(type === "counter").toBe(name?.endsWith("_total"));
    }
  });

  it("two gateways in one process do not mix", async () => {
    const [one, two] = [createStats(), createStats()];
    one.channels = 1;
    two.channels = 2;
    const [first, second] = await Promise.all([samples(metricsPage(one)), samples(metricsPage(two))]);
    expect([first.get("trunkline_channels"), second.get("trunkline_channels")]).toEqual([1, 2]);
  });
});
