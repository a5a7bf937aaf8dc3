// Many clients in one process, each writing down what it sees. The books are closed here, so that only sums travel.
import { createClient } from "trunkline";
import { type Account, audit, sumOf } from "../ledger/ledger.ts";
import { ClientDiary } from "./client-diary.ts";
import { answer } from "./child-process.ts";
import { secretKey } from "./contract.ts";
import type { FleetAudit, FleetProgress, FleetSettings } from "./fleet.ts";

const diaries: ClientDiary[] = [];

answer({
  open: async ({ urls, channels, first, backoffMs }: FleetSettings): Promise<void> => {
    for (const [index, url] of urls.entries()) {
      const client = createClient({
        url,
        apiKey: secretKey,
        channels,
        autoConnect: false,
        ...(backoffMs !== undefined && { backoff: () => backoffMs }),
      });
      diaries.push(new ClientDiary(first + index, client));
    }
    // A few at a time: what is tried here is what comes after.
    for (let from = 0; from < diaries.length; from += 100) {
      await Promise.all(diaries.slice(from, from + 100).map((diary) => diary.open(channels)));
    }
  },
  progress: (): FleetProgress => {
    let entries = 0;
    let connected = 0;
    for (const diary of diaries) {
      entries += diary.entries;
      if (diary.client.status === "connected") connected += 1;
    }
    return { entries, connected };
  },
  audit: (receipts: FleetAudit["receipts"]): Omit<FleetAudit, "receipts"> => {
    const accounts: Account[] = [];
    for (const { name, seen } of diaries) {
      for (const [channel, owed] of Object.entries(receipts)) {
        accounts.push(audit(`client ${name}, ${channel}`, owed, seen.get(channel) ?? []));
      }
    }
    return { account: sumOf(accounts), replays: diaries.flatMap(({ replays }) => replays) };
  },
});
