// publishing.test.ts
import { EventEmitter } from "node:events";
import { createGateway } from "@trunkline/gateway";
import { createPublisher } from "@trunkline/publisher";
import { createClient } from "trunkline";
import { expect, it, vi } from "vitest";

const secretKeys = [{ key: "sk_server", account: "acme" }];
const publicKeys = [{ key: "pk_org1", channel: "organization.1", account: "acme" }];

it("tells an organization what happens to its posts", async () => {
  const gateway = createGateway({ secretKeys, publicKeys });
  const { url } = await gateway.listen({ port: 0 });

  // The page of somebody in organization 1.
  const client = createClient({ url, publicKey: "pk_org1" });
  const seen: unknown[] = [];
  client.on("*", (data, { event }) => seen.push([event, (data as { record: unknown }).record]));
  await client.ready();

  // Anywhere in the code base.
  const publisher = createPublisher({ url, key: "sk_server" });
  const posts = publisher.resource<{ id: number; organization_id: number }>("Post", {
    scope: ["organization_id"],
    toRecord: ({ id }) => ({ id }),
  });
  await posts.created({ id: 7, organization_id: 1 });
  await posts.created({ id: 8, organization_id: 2 });

  // What an ORM tells of one transaction goes out when that has committed.
  const transaction = new EventEmitter();
  posts.bind(transaction, { after: "commit" });
  transaction.emit("destroyed", { id: 7, organization_id: 1 });
  transaction.emit("commit");

  await vi.waitFor(() => expect(seen.length).toBe(2));
  expect(seen).toEqual([
    ["post.created", { id: 7 }],
    ["post.destroyed", { id: 7 }],
  ]);
  await publisher.close();
  await client.close();
  await gateway.close({ drainMs: 0 });
});
