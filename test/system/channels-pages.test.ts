import { createChannels } from "@trunkline/channels";
import { webSocketTransport } from "@trunkline/transport-node";
import { createClient } from "trunkline";
import { expect, it, onTestFinished } from "vitest";
import { startGateway } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";
import { Visitor, pageSecret, pageUrl } from "../support/visitor.ts";

it("§15 a page's channels bring what came before its socket, and what is pushed to it alone", async () => {
  const { gateway, url } = await startGateway({ pages: { secret: pageSecret } });
  const visitor = new Visitor();
  const page = await visitor.load(gateway);
  await page.subscribe("news");
  await gateway.publish({ event: "message", channel: "news", data: "to all, before" });
  await gateway.pushTo(page.key, "news", "to you, before");
  const client = createClient({
    url: pageUrl(url, page.id),
    transport: webSocketTransport({ headers: visitor.headers }),
  });
  const channels = createChannels(client);
  onTestFinished(async () => {
    channels.close();
    await client.close();
  });
  const news = channels.open("news");
  const heard: unknown[] = [];
  news.on("message", (data) => heard.push(data));
  await news.ready();
  await gateway.publish({ event: "message", channel: "news", data: "to all" });
  await gateway.pushTo(page.key, "news", "to you");
  await gateway.pushTo(page.key, "elsewhere", "not here");
  await until("all came", () => heard.length === 4);
  expect(new Set(heard)).toEqual(new Set(["to all", "to all, before", "to you", "to you, before"]));
});
