import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { explainStatus, postPublish, type PublishAnswer } from "./publish-api.ts";

let server: Server | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve));
});

async function answerOf(listener: RequestListener): Promise<PublishAnswer> {
  server = createServer(listener);
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return postPublish({ base, apiKey: "hunter2" }, '{"event":"a"}');
}

it("§8.1 sends the key in a header and the body as it is, and gives back the receipt", async () => {
  const receipt = { stream: "s", offset: 1, epoch: "e" };
  const answer = await answerOf((request, response) => {
    expect(request).toMatchObject({
      method: "POST",
      url: "/api/v1/publish",
      headers: { authorization: "Bearer hunter2" },
    });
    response.writeHead(202).end(JSON.stringify(receipt));
  });
  expect(answer).toEqual({ kind: "accepted", body: receipt });
});

it("does not take a page for a gateway's answer", async () => {
  const answer = await answerOf((_request, response) => response.end("<h1>Welcome</h1>"));
  expect(answer).toMatchObject({ kind: "failed", message: expect.stringContaining("is it a trunkline gateway?") });
});

it("does not carry the key along a redirect", async () => {
  const paths: (string | undefined)[] = [];
  const answer = await answerOf((request, response) => {
    paths.push(request.url);
    response.writeHead(307, { Location: "/elsewhere" }).end();
  });
  expect(answer).toMatchObject({
    kind: "failed",
    message: "307. The address redirects; give the final one with --url",
  });
  expect(paths).toEqual(["/api/v1/publish"]);
});

it("says that the event may have been published when the answer never came", async () => {
  const answer = await answerOf((request) => request.socket.destroy());
  expect(answer).toMatchObject({
    kind: "failed",
    sent: true,
    message: expect.stringContaining("may have been published"),
  });
});

it("explains a refusal in the gateway's words and what to do", () => {
  const body = { error: { code: "gateway.unavailable", message: "the gateway is draining" } };
  expect(explainStatus(503, body)).toBe("503: the gateway is draining. Try again in a few seconds");
  expect(explainStatus(500, null)).toBe("500");
  expect(explainStatus(401, "nonsense")).toBe("401. Check --api-key or TRUNKLINE_API_KEY");
});
