// Arguments: CONTENDER PORT STREAMS IN_FLIGHT TOTAL. Appends 128-byte bodies to so many streams in turn; tells the bench the rate
// and the CPU time per append from the end of the warm-up (as many again, before), in appends/s and µs.
import { redisBroker } from "@trunkline/broker-redis";
import { Redis } from "ioredis";

const [contender, ...numbers] = process.argv.slice(2);
const [port, streams, inFlight, total] = numbers.map(Number);
const body = JSON.stringify({ event: "post.created", data: { id: 1, title: "x".repeat(82) } });

/** Each gives a function that appends to stream `n`. */
const contenders = {
  trunkline() {
    const broker = redisBroker({ url: `redis://127.0.0.1:${port}` });
    const names = Array.from({ length: streams }, (_, n) => `acme/${n}`);
    return (n) => broker.append(names[n], { body });
  },
  // What one would write by hand: no place in order, no dedupe, no expiry, one command each.
  "ioredis PUBLISH"() {
    const redis = new Redis({ port, host: "127.0.0.1", enableAutoPipelining: true });
    return (n) => redis.publish(`acme/${n}`, body);
  },
  "ioredis XADD"() {
    const redis = new Redis({ port, host: "127.0.0.1", enableAutoPipelining: true });
    return (n) => redis.xadd(`acme/${n}`, "MAXLEN", "~", 1001, "*", "b", body);
  },
};

process.on("disconnect", () => process.exit(0));
const append = contenders[contender]();

async function load(count) {
  let begun = 0;
  const lane = async (index) => {
    for (; begun < count;) {
      begun += 1;
      await append(index % streams);
    }
  };
  const startedAt = performance.now();
  const before = process.cpuUsage();
  await Promise.all(Array.from({ length: inFlight }, (_, index) => lane(index)));
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { rate: count / seconds, cpu: (user + system) / count };
}

await load(total);
process.send(await load(total));
