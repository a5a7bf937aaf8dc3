// P-43: what of an event stands in a gateway's log.
import type { LogFields } from "@trunkline/core/ports";
import type { GatewayOptions } from "@trunkline/gateway";
import { expect, it } from "vitest";
import { connectV1 } from "../support/frame-client.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";

const secret = "4111 1111 1111 1111";

async function logged(options: GatewayOptions = {}) {
  const lines: { readonly level: string; readonly message: string; readonly fields: LogFields | undefined }[] = [];
  const line = (level: string) => (message: string, fields?: LogFields) => void lines.push({ level, message, fields });
  const logger = { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
  const { gateway, url, socketUrl } = await startGateway({ logger, ...options });
  const errors: string[] = [];
  gateway.on("error", ({ code, message }) => errors.push(`${code} ${message}`));
  const publish = async (): Promise<void> => {
    await gateway.publish({ event: "card.added", data: { secret, last: 1111 }, id: "1" }, { account: "acme" });
    // A repetition is no other event.
    await gateway.publish({ event: "card.added", data: { secret, last: 1111 }, id: "1" }, { account: "acme" });
    const response = await fetch(`${url}/api/v1/publish`, {
      method: "POST",
      headers: { Authorization: `Bearer ${testKeys.acme}` },
      body: JSON.stringify({ event: "card.paid", data: secret, channel: "shop" }),
    });
    expect(response.status).toBe(202);
    const client = await connectV1(socketUrl, { token: testKeys.acme });
    client.send({ type: "publish", ref: 1, event: "card.seen", data: [secret] });
    await client.next("published");
  };
  const accepted = (): unknown[] => lines.filter(({ message }) => message === "event accepted");
  return { lines, accepted, errors, publish };
}

it("P-43 debug lines carry event names and sizes, on every way in, and payloads never", async () => {
  const { lines, accepted, publish } = await logged();
  await publish();
  const fields = { account: "acme", bytes: expect.any(Number) as number };
  expect(accepted()).toEqual([
    { level: "debug", message: "event accepted", fields: { ...fields, channel: "account.acme", event: "card.added" } },
    { level: "debug", message: "event accepted", fields: { ...fields, channel: "shop", event: "card.paid" } },
    { level: "debug", message: "event accepted", fields: { ...fields, channel: "account.acme", event: "card.seen" } },
  ]);
  expect(JSON.stringify(lines)).not.toContain(secret);
});

it("P-43 what logPayload makes of a payload stands in the line, and nothing else of it", async () => {
  const { lines, accepted, publish } = await logged({
    logPayload: ({ channel, event, data }) => ({ channel, event, last: (data as { readonly last?: number }).last }),
  });
  await publish();
  expect(accepted()[0]).toMatchObject({
    level: "debug",
    fields: { event: "card.added", data: { channel: "account.acme", event: "card.added", last: 1111 } },
  });
  expect(JSON.stringify(lines)).not.toContain(secret);
});

it("P-43 R-16 a logPayload that throws or is async costs its line the payload, and is told to error", async () => {
  for (const logPayload of [
    () => {
      throw new Error("can't");
    },
    async () => Promise.reject(new Error("can't")),
  ]) {
    const { lines, accepted, errors, publish } = await logged({ logPayload });
    await publish();
    expect(accepted()).toHaveLength(3);
    expect(errors).toHaveLength(3);
    expect(errors[0]).toContain("usage.listener-failed logPayload failed");
    expect(JSON.stringify(lines)).not.toContain(secret);
  }
});

it("P-43 without a logger nobody is asked", async () => {
  let asked = 0;
  const { gateway } = await startGateway({ logPayload: () => (asked += 1) });
  await gateway.publish({ event: "e", data: secret });
  expect(asked).toBe(0);
});
