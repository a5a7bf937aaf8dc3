// What every measured server shares: it says where it listens, takes payloads to publish, and tells its memory.
import { createServer } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc");

/**
 * Tells the bench `{ port, publishPort }` and calls `publish` with each JSON payload (one per line) that comes in on
 * publishPort. Answers any message with this process's memory after a collection. Ends with the bench.
 */
export function serve({ port, publish }) {
  const publishing = createServer((socket) => {
    let rest = "";
    socket.setEncoding("utf8").on("data", (chunk) => {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop();
      for (const line of lines) publish(JSON.parse(line));
    });
    socket.on("error", () => socket.destroy());
  });
  publishing.listen(0, "127.0.0.1", () => process.send({ port, publishPort: publishing.address().port }));
  process.on("message", () => {
    // "last-resort" also gives free pages back, so that resident memory is what the connections hold, not old garbage.
    gc({ type: "major", execution: "sync", flavor: "last-resort" });
    process.send(process.memoryUsage());
  });
  process.on("disconnect", () => process.exit(0));
}
