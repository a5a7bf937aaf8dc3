// One HTTP server for everything: the posts, the pages, and the gateway attached to it.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { redisBroker } from "@trunkline/broker-redis";
import { createGateway } from "@trunkline/gateway";
import { contract } from "../contract.ts";
import { sendError, sendJson } from "./http.ts";
import { createPostsApi } from "./posts-api.ts";
import { openPostsStore } from "./posts-store.ts";
import { account, channel, type Settings } from "./settings.ts";
import { createStaticFiles } from "./static-files.ts";

export interface Playground {
  /** Where a browser finds it. */
  readonly url: string;
  /** Lets open pages leave, then resolves once nothing is open any more. */
  close(): Promise<void>;
}

/** How long open pages have to leave, in milliseconds. */
const drainMs = 2000;

/** Rejects when the port is taken; nothing is left open then. */
export async function startPlayground(
  settings: Settings,
  onError: (message: string, error: unknown) => void,
): Promise<Playground> {
  const store = openPostsStore(settings.database);
  const { redis } = settings;
  const broker = redis === undefined ? undefined : redisBroker({ url: redis });
  const gateway = createGateway({
    ...(broker !== undefined && { broker }),
    secretKeys: [{ key: settings.secretKey, account }],
    publicKeys: [{ key: settings.publicKey, channel, account }],
    contract,
    // Who holds the secret key may listen to any channel of the demo's account.
    authorize: ({ principal }) => principal.kind === "secret",
  });
  const posts = createPostsApi({
    store,
    publish: async (event, data) => gateway.publish({ event, data }, { account }),
    onError,
  });
  const pages = createStaticFiles();
  const server = createServer((request, response) => {
    if (posts(request, response)) return;
    if (request.url === "/settings.json") sendJson(response, 200, { publicKey: settings.publicKey });
    else if (!pages(request, response)) sendError(response, 404, "not-found", "there is nothing at this address");
  });
  // From here on the gateway's own paths are answered by the gateway.
  gateway.attach(server);

  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject).listen(settings.port, settings.host, resolve);
    });
  } catch (error) {
    await gateway.close({ drainMs: 0 });
    await broker?.close();
    store.close();
    throw error;
  }
  return {
    url: browserUrl(settings.host, (server.address() as AddressInfo).port),
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await gateway.close({ drainMs });
      await broker?.close();
      server.closeAllConnections();
      await closed;
      store.close();
    },
  };
}

function browserUrl(host: string, port: number): string {
  const everywhere = host === "0.0.0.0" || host === "::";
  return `http://${everywhere ? "localhost" : host.includes(":") ? `[${host}]` : host}:${port}`;
}
