// Arguments: CLIENT PORT COUNT. Connects that many clients in this process and tells the bench what one of them holds.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const [name, port, count] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const { connect } = await import(`./${name}.mjs`);
setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc");

const settledHeap = async () => {
  // What a collection frees can have finalisers; a turn of the loop later they have run.
  for (let pass = 0; pass < 3; pass++) {
    gc();
    await new Promise(setImmediate);
  }
  return process.memoryUsage().heapUsed;
};
const connectMany = async (many) => {
  for (let made = 0; made < many; made += 50) {
    await Promise.all(Array.from({ length: Math.min(50, many - made) }, () => connect(port, () => {})));
  }
};

process.on("disconnect", () => process.exit(0));
// The first clients bring lazily made shapes, code and caches with them, which are not theirs.
await connectMany(100);
const before = await settledHeap();
await connectMany(count);
process.send({ heap: ((await settledHeap()) - before) / count / 1024 });
