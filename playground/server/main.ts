// The playground as a process: says where it is and what to try, and ends with 0 when it is told to.
import { account, channel, resolveSettings, type Settings } from "./settings.ts";
import { type Playground, startPlayground } from "./start.ts";

const settings = resolveSettings(process.env);
if (typeof settings === "string") {
  say(`playground: ${settings}`);
  process.exitCode = 2;
} else {
  await run(settings);
}

async function run(asked: Settings): Promise<void> {
  let playground: Playground;
  try {
    playground = await startPlayground(asked, (message, error) => say(`playground: ${message}: ${textOf(error)}`));
  } catch (error) {
    say(`playground: ${explainStart(error, asked)}`);
    process.exitCode = 1;
    return;
  }
  process.stdout.write(welcome(playground.url, asked));
  const stop = untilTold();
  await stop;
  say("playground: letting open pages leave; Ctrl-C again in a second or later quits at once");
  await playground.close();
  process.exit(0);
}

/** Resolves at the first SIGINT or SIGTERM. npm passes a Ctrl-C on a second time, so only a later SIGINT means "at once". */
async function untilTold(): Promise<void> {
  return new Promise((resolve) => {
    let toldAt: number | null = null;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (toldAt === null) {
        toldAt = performance.now();
        resolve();
      } else if (signal === "SIGINT" && performance.now() - toldAt >= 1000) {
        process.exit(1);
      }
    };
    process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  });
}

function welcome(url: string, { secretKey, publicKey }: Settings): string {
  const socket = `${url.replace(/^http/, "ws")}/api/ws/v1/events?api_key=${publicKey}`;
  return `
Trunkline playground on ${url}

  secret key  ${secretKey}  publishes and listens in the account "${account}"
  public key  ${publicKey}  for pages: listens to ${channel}

Open ${url} in two windows and write a post. Publish from a terminal:

  curl ${url}/api/v1/publish -H 'Authorization: Bearer ${secretKey}' -d '{"event":"greeting","data":{"text":"hello"}}'

and listen from the console of that page, with nothing but a WebSocket:

  new WebSocket(${JSON.stringify(socket)}).onmessage = (event) => console.log(event.data)

Ctrl-C ends it.
`;
}

function explainStart(error: unknown, { host, port }: Settings): string {
  const code = (error as { readonly code?: unknown }).code;
  if (code === "EADDRINUSE")
    return `port ${port} on ${host} is in use: end what listens there, or choose another, e.g. PORT=${port + 1} npm start`;
  if (code === "EACCES")
    return `no permission to listen on port ${port}: choose one above 1023, e.g. PORT=7777 npm start`;
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND") return `HOST ${host} is no address of this machine`;
  return `could not start: ${textOf(error)}`;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
