// A TCP proxy in front of a WebSocket server that counts what clients send, and cuts them off when it is told.
import { connect, createServer } from "node:net";

/** `{ port, take, cut }`; `take()` gives `{ frames, bytes }` since it was called last: WebSocket messages and what they are long. */
export async function startCountingProxy(targetPort) {
  let counts = { frames: 0, bytes: 0 };
  const sockets = new Set();
  const server = createServer({ noDelay: true }, (inside) => {
    const outside = connect({ port: targetPort, host: "127.0.0.1", noDelay: true });
    const count = frameCounter((length) => {
      counts.frames += 1;
      counts.bytes += length;
    });
    inside.on("data", count);
    inside.pipe(outside).pipe(inside);
    for (const socket of [inside, outside]) {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        inside.destroy();
        outside.destroy();
      });
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: server.address().port,
    take: () => {
      const taken = counts;
      counts = { frames: 0, bytes: 0 };
      return taken;
    },
    cut: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
  };
}

/** Reads what a client writes: the request up to its empty line, then frames, whose payload is passed over. */
function frameCounter(onMessage) {
  let rest = Buffer.alloc(0);
  let upgraded = false;
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    if (!upgraded) {
      const end = rest.indexOf("\r\n\r\n");
      if (end < 0) return;
      upgraded = true;
      rest = rest.subarray(end + 4);
    }
    for (;;) {
      if (rest.length < 2) return;
      const short = rest[1] & 0x7f;
      const head = short === 126 ? 4 : short === 127 ? 10 : 2;
      if (rest.length < head) return;
      const length = short === 126 ? rest.readUInt16BE(2) : short === 127 ? Number(rest.readBigUInt64BE(2)) : short;
      const whole = head + 4 + length;
      if (rest.length < whole) return;
      // Control frames are no messages.
      if ((rest[0] & 0x0f) < 8) onMessage(length);
      rest = rest.subarray(whole);
    }
  };
}
