import { GatewayError } from "@trunkline/core/errors";
import { type Authenticator, type GatewayOptions, createGateway } from "@trunkline/gateway";
import { describe, expect, it, onTestFinished } from "vitest";
import { openEventStream, openStreamLink } from "../support/event-stream-client.ts";
import { openLink, sayHello } from "../support/frame-client.ts";
import { type StartedGateway, startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

// Every door, with everything that can be wrong with who knocks.

interface Knock {
  readonly token?: string;
  readonly origin?: string;
}
/** What came of it: "in", an HTTP status or a close code; and all that the peer was told. */
interface Answer {
  readonly outcome: string;
  readonly told: string;
}
type Door = (gateway: StartedGateway, knock: Knock) => Promise<Answer>;

type Headers = Record<string, string>;
const from = ({ origin }: Knock): Headers => (origin === undefined ? {} : { Origin: origin });
const bearer = ({ token }: Knock): Headers => (token === undefined ? {} : { Authorization: `Bearer ${token}` });
const inside: Answer = { outcome: "in", told: "" };

/** The answer of a WebSocket, whose upgrade may have been refused. */
async function ofSocket(opening: ReturnType<typeof openLink>, isIn: (text: string) => boolean): Promise<Answer> {
  let client;
  try {
    client = await opening;
  } catch (error) {
    return { outcome: /\d{3}$/.exec(String(error))?.[0] ?? "?", told: "" };
  }
  await until("it is answered", () => client.ended !== null || client.frames.some(isIn));
  if (client.ended === null) return inside;
  return { outcome: String(client.ended.code), told: client.frames.join() + client.ended.reason };
}

async function ofResponse(response: Response): Promise<Answer> {
  return response.ok ? inside : { outcome: String(response.status), told: await response.text() };
}

const connected = (text: string): boolean => text.includes('"type":"connected"');
const doors: Readonly<Record<string, Door>> = {
  "upgrade, header": ({ socketUrl }, knock) =>
    ofSocket(sayHello(socketUrl, { headers: { ...from(knock), ...bearer(knock) } }), connected),
  "upgrade, hello": ({ socketUrl }, knock) =>
    ofSocket(
      sayHello(socketUrl, { headers: from(knock), ...(knock.token !== undefined && { token: knock.token }) }),
      connected,
    ),
  "upgrade, plain": ({ socketUrl }, knock) => {
    const query = knock.token === undefined ? "" : `?api_key=${encodeURIComponent(knock.token)}`;
    return ofSocket(openLink(`${socketUrl}${query}`, { headers: from(knock) }), connected);
  },
  "event stream": async ({ url }, knock) => {
    const abort = new AbortController();
    const headers = { ...from(knock), ...bearer(knock) };
    const answer = await ofResponse(await fetch(`${url}/api/v1/events`, { headers, signal: abort.signal }));
    abort.abort();
    return answer;
  },
  "event-stream link, hello": async ({ url }, knock) => {
    const headers = { "Trunkline-Protocol": "trunkline.v1", ...from(knock) };
    const first = await openEventStream(url, { headers });
    if (!first.response.ok) {
      await until("the refusal is read", () => first.ended);
      return { outcome: String(first.response.status), told: first.text };
    }
    first.leave();
    const { client, post } = await openStreamLink(url, from(knock));
    await post({ type: "hello", instance: "i", ...(knock.token !== undefined && { token: knock.token }) });
    const close = () => client.events.find(({ event }) => event === "close");
    await until("it is answered", () => close() !== undefined || client.text.includes('"type":"connected"'));
    const { data } = close() ?? {};
    return data === undefined
      ? inside
      : { outcome: String((JSON.parse(data) as { code: number }).code), told: client.text };
  },
  publish: async ({ url }, knock) =>
    ofResponse(
      await fetch(`${url}/api/v1/publish`, {
        method: "POST",
        body: '{"event":"e","channel":"room"}',
        headers: { ...from(knock), ...bearer(knock) },
      }),
    ),
};

const authenticate: Authenticator = async ({ token }) => {
  switch (token ?? "") {
    case "tk-user":
      return { kind: "user", account: "acme", id: "ada", channels: ["room"], mayPublish: ["room"] };
    case "tk-old":
      throw new GatewayError("gateway.unauthorized", "expected a fresh token, got an old one");
    case "tk-banned":
      throw new GatewayError("gateway.forbidden", "expected somebody who is welcome, got another");
    case "tk-broken":
      throw new Error("db: hunter2");
    default:
      return null;
  }
};
const listed = "https://app.example.com";
const foreign = "https://evil.example";

/** Per door, in the order above. */
const matrix: readonly (readonly [what: string, knock: Knock, outcomes: readonly string[]])[] = [
  ["a token that is known", { token: "tk-user" }, ["in", "in", "in", "in", "in", "in"]],
  ["…from a listed page", { token: "tk-user", origin: listed }, ["in", "in", "in", "in", "in", "in"]],
  ["no credential", {}, ["4401", "4401", "4401", "401", "4401", "401"]],
  ["an unknown one", { token: "tk-nope" }, ["401", "4401", "4401", "401", "4401", "401"]],
  ["one that is refused", { token: "tk-old" }, ["401", "4401", "4401", "401", "4401", "401"]],
  ["one that is forbidden", { token: "tk-banned" }, ["403", "4403", "4401", "403", "4403", "403"]],
  ["an authenticator that fails", { token: "tk-broken" }, ["500", "1011", "500", "500", "1011", "500"]],
  [
    "a secret key from a listed page",
    { token: testKeys.acme, origin: listed },
    ["403", "4403", "4401", "403", "4403", "403"],
  ],
  ["a foreign page", { token: "tk-user", origin: foreign }, ["403", "403", "4401", "403", "403", "403"]],
  ["a public key, which may only listen", { token: testKeys.page }, ["in", "in", "in", "in", "in", "403"]],
];

describe("R-12 R-13 every door refuses by a status before the upgrade, by a code after it, and says why", () => {
  for (const [index, [name, door]] of Object.entries(doors).entries()) {
    it(`R-12 R-13 P-14 ${name}`, async () => {
      const gateway = await startGateway({ authenticate, origins: [listed] });
      const outcomes = [];
      for (const [what, knock] of matrix) {
        const { outcome, told } = await door(gateway, knock);
        outcomes.push([what, outcome]);
        expect(told).not.toMatch(/hunter2/);
        if (knock.token !== undefined) expect(told).not.toContain(knock.token);
      }
      expect(outcomes).toEqual(matrix.map(([what, , expected]) => [what, expected[index]]));
    });
  }

  it("R-12 with nobody to let in there is no gateway, and anonymous has to be said", async () => {
    for (const options of [{}, { authenticate: [] }, { anonymous: false }] as GatewayOptions[])
      expect(() => createGateway(options)).toThrow(/anonymous: true/);
    const gateway = createGateway({ anonymous: true });
    onTestFinished(() => gateway.close({ drainMs: 0 }));
    const { url, ...address } = await gateway.listen({ port: 0 });
    const socketUrl = `${url.replace("http", "ws")}/api/ws/v1/events`;
    const started = { gateway, url, socketUrl, ...address };
    const outcomes = [];
    for (const door of Object.values(doors)) outcomes.push((await door(started, {})).outcome);
    expect(outcomes).toEqual(["in", "in", "in", "in", "in", "401"]);
  });
});
