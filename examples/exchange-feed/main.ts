// node --conditions=@trunkline/source examples/exchange-feed/main.ts wss://feed.example BTC-EUR …
import { webSocketTransport } from "@trunkline/transport-node";
import { ExchangeFeed } from "./exchange-feed.ts";

const [url, ...products] = process.argv.slice(2);
if (url === undefined) {
  process.stderr.write("usage: main.ts <url> <product>…\n");
  process.exit(2);
}
const feed = new ExchangeFeed({
  url,
  transport: webSocketTransport(),
  onBook: (product, book) => {
    process.stdout.write(`${product} bid ${book.levels("bids")[0]?.[0]} ask ${book.levels("asks")[0]?.[0]}\n`);
  },
});
await feed.start();
for (const product of products) await feed.subscribe(product);
process.once("SIGINT", () => void feed.stop());
