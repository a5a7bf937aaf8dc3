// A server that costs the client under test nothing: prebuilt frames, written in big pieces, one process of its own.
// Arguments: DIALECT EVENTS BATCH. It answers the handshake and the greeting of each dialect, then sends EVENTS events,
// BATCH to a frame, each of 105 bytes, with ids and offsets that increase by one.
import { createHash } from "node:crypto";
import { createServer } from "node:net";

const [dialectName, events, batch] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const firstOffset = 100_000;

/** An event with a position as the gateway writes it, but for its time: 105 bytes. */
const event = (offset) =>
  `{"type":"event","channel":"newsroom","offset":${offset},"tag":"k3j9x2","event":"posts","data":{"id":${offset}}}`;
/** Where an envelope is smaller the data is larger, so that every event has 105 bytes. */
const padded = (envelope) => (id) => {
  const text = (title) => envelope(`{"id":${id},"title":"${title}"}`, id);
  return text("t".repeat(105 - text("").length));
};

const position = { epoch: "bench", offset: firstOffset - 1, tag: "k3j9x1" };
const connected = {
  type: "connected",
  connection: "bench",
  server: "feeder",
  heartbeatMs: 25_000,
  spreadMs: 100,
  limits: { frameBytes: 65_536, subscriptions: 1_000 },
  features: [],
  streams: [{ channel: "newsroom", verdict: "fresh", position }],
};
const engineOpen = { sid: "bench", upgrades: [], pingInterval: 25_000, pingTimeout: 20_000, maxPayload: 1_000_000 };

const centrifugeConnected = {
  id: 1,
  connect: {
    client: "bench",
    version: "6",
    ping: 25,
    pong: true,
    subs: { newsroom: { recoverable: true, epoch: "bench", offset: firstOffset - 1 } },
  },
};

/** Phoenix answers a join under the references the client chose. */
const joined = (join) => JSON.stringify([...JSON.parse(join).slice(0, 3), "phx_reply", { status: "ok", response: {} }]);

/**
 * `greeting`: frames sent at once; `answers`: what the client's next frame begins with and the frame that answers it (or
 * a function of the client's text), if any; events come after the last one. `join` makes one frame of several events.
 */
const dialects = {
  raw: { event, answers: [] },
  trunkline: { event, answers: [['{"type":"hello"', JSON.stringify(connected)]] },
  "socket.io": {
    event: padded((data) => `42["posts",${data}]`),
    greeting: [`0${JSON.stringify(engineOpen)}`],
    answers: [["40", '40{"sid":"bench"}']],
  },
  phoenix: {
    event: padded((data) => `[null,null,"newsroom","posts",${data}]`),
    answers: [["[", joined]],
  },
  "graphql-ws": {
    event: padded((data) => `{"id":"1","type":"next","payload":{"data":${data}}}`),
    answers: [
      ['{"type":"connection_init"', '{"type":"connection_ack"}'],
      ['{"id":"1","type":"subscribe"', null],
    ],
  },
  centrifuge: {
    event: padded((data, offset) => `{"push":{"channel":"newsroom","pub":{"data":${data},"offset":${offset}}}}`),
    answers: [['{"connect"', JSON.stringify(centrifugeConnected)]],
    join: (texts) => texts.join("\n"),
  },
};
const dialect = dialects[dialectName.replace(/-instrumented$/, "")];

/** One unmasked text frame, RFC 6455 §5.2. */
function frame(text) {
  const payload = Buffer.from(text);
  const { length } = payload;
  const head = length < 126 ? Buffer.from([0x81, length]) : Buffer.from([0x81, 126, length >> 8, length & 255]);
  return Buffer.concat([head, payload]);
}

const join = dialect.join ?? ((texts) => `[${texts.join(",")}]`);

function prebuild() {
  const frames = [];
  for (let sent = 0; sent < events; sent += batch) {
    const texts = Array.from({ length: Math.min(batch, events - sent) }, (_, i) =>
      dialect.event(firstOffset + sent + i),
    );
    frames.push(frame(texts.length === 1 ? texts[0] : join(texts)));
  }
  return Buffer.concat(frames);
}
const stream = prebuild();

/** The first frame in `bytes`, unmasked, with where it ends, or null while it is not whole. */
function readFrame(bytes) {
  if (bytes.length < 8) return null;
  const short = bytes[1] & 127;
  const start = short === 126 ? 8 : 6;
  const end = start + (short === 126 ? bytes.readUInt16BE(2) : short);
  if (bytes.length < end) return null;
  const mask = bytes.subarray(start - 4, start);
  return { end, text: Buffer.from(bytes.subarray(start, end).map((byte, i) => byte ^ mask[i & 3])).toString() };
}

const server = createServer((socket) => {
  const answers = [...dialect.answers];
  let bytes = Buffer.alloc(0);
  let upgraded = false;
  let fed = false;
  const feed = () => {
    fed = true;
    if (stream.length > 0) socket.write(stream);
  };
  socket.setNoDelay(true).on("error", () => socket.destroy());
  socket.on("data", (chunk) => {
    // After the greeting a client has nothing to say that matters here.
    if (fed) return;
    bytes = Buffer.concat([bytes, chunk]);
    if (!upgraded) {
      const end = bytes.indexOf("\r\n\r\n");
      if (end < 0) return;
      socket.write(upgrade(bytes.subarray(0, end).toString()));
      for (const text of dialect.greeting ?? []) socket.write(frame(text));
      bytes = bytes.subarray(end + 4);
      upgraded = true;
    }
    while (answers.length > 0) {
      const read = readFrame(bytes);
      if (read === null) return;
      bytes = bytes.subarray(read.end);
      const [expected, answer] = answers.shift();
      if (!read.text.startsWith(expected))
        throw new Error(`expected a frame that begins with ${expected}, got ${read.text}`);
      if (answer !== null) socket.write(frame(typeof answer === "function" ? answer(read.text) : answer));
    }
    feed();
  });
});

function upgrade(request) {
  const header = (name) => new RegExp(`^${name}: (.*)$`, "im").exec(request)?.[1].trim();
  const accept = createHash("sha1")
    .update(`${header("sec-websocket-key")}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest("base64");
  const protocol = header("sec-websocket-protocol");
  const lines = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${accept}`,
  ];
  if (protocol !== undefined) lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
  return `${lines.join("\r\n")}\r\n\r\n`;
}

server.listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));
process.on("disconnect", () => process.exit(0));
