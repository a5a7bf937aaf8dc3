import { ManualClock } from "@trunkline/core/testing";
import type { Broker, StreamName } from "@trunkline/core/ports";
import type { Position } from "@trunkline/core/wire";
import { expect, it } from "vitest";
import { memoryBroker } from "../memory-broker.ts";
import { checkHeads } from "./head-check.ts";
import { HubChannel } from "./hub-channel.ts";

const name = "acme/room" as StreamName;

interface Stage {
  readonly broker: Broker;
  readonly clock: ManualClock;
  readonly doubted: HubChannel[];
  /** Gives the check under way up. */
  giveUp(): void;
  channel(at: Position): HubChannel;
  /** Runs one check to its end; `meanwhile` once the broker has answered. */
  check(channels: readonly HubChannel[], meanwhile?: () => void): Promise<void>;
}

function stage(): Stage {
  const broker = memoryBroker();
  const clock = new ManualClock();
  const doubted: HubChannel[] = [];
  let isOver = false;
  return {
    giveUp: () => void (isOver = true),
    broker,
    clock,
    doubted,
    channel(at) {
      const channel = new HubChannel(name, "room");
      channel.begin(at);
      channel.release();
      return channel;
    },
    async check(channels, meanwhile) {
      const onDoubt = (channel: HubChannel): void => void doubted.push(channel);
      const checked = checkHeads(channels, { broker, clock, isOver: () => isOver, onDoubt });
      for (let turns = 0; turns < 10; turns++) await Promise.resolve();
      meanwhile?.();
      clock.advance(1000);
      await checked;
    },
  };
}

async function head(broker: Broker): Promise<Position> {
  return (await broker.heads([name]))[0] as Position;
}

it("§4.2 a stream at the broker's head is in no doubt", async () => {
  const on = stage();
  await on.broker.append(name, { body: "{}" });
  await on.broker.append(name, { body: "{}", state: { key: "a", deleted: false } });
  await on.check([on.channel(await head(on.broker))]);
  expect(on.doubted).toEqual([]);
});

it("§4.2 one that is behind, on either line, and stays behind is in doubt; what is only under way is not", async () => {
  const on = stage();
  const start = await head(on.broker);
  await on.broker.append(name, { body: "{}" });
  const logged = await head(on.broker);
  await on.broker.append(name, { body: "{}", state: { key: "a", deleted: false } });
  const [behind, behindOnState, late] = [on.channel(start), on.channel(logged), on.channel(start)];
  const now = await head(on.broker);
  await on.check([behind, behindOnState, late], () => late.begin(now));
  expect(on.doubted).toEqual([behind, behindOnState]);
});

it("§5.2 another epoch, another event at the same place and a head that went back are in doubt", async () => {
  const on = stage();
  await on.broker.append(name, { body: "{}" });
  await on.broker.append(name, { body: "{}", state: { key: "a", deleted: false } });
  const at = await head(on.broker);
  const strangers: Position[] = [
    { ...at, epoch: "other" },
    { ...at, tag: "other" },
    { ...at, offset: 2 },
    { ...at, state: { revision: 1, tag: "other" } },
    { ...at, state: { revision: 2, tag: "" } },
  ].map((stranger) => stranger as Position);
  const channels = strangers.map((stranger) => on.channel(stranger));
  await on.check(channels);
  expect(on.doubted).toEqual(channels);
});

it("a check that was given up says nothing, whether the broker answers it then or had answered before", async () => {
  const on = stage();
  const start = await head(on.broker);
  await on.broker.append(name, { body: "{}" });
  await on.check([on.channel(start)], () => on.giveUp());
  await on.check([on.channel({ ...start, epoch: "other" })]);
  expect(on.doubted).toEqual([]);
});

it("asks for many streams in batches, and rejects when the broker can't be asked", async () => {
  const on = stage();
  const at = await head(on.broker);
  await on.check(Array.from({ length: 1200 }, () => on.channel(at)));
  expect(on.doubted).toEqual([]);
  await on.broker.close();
  await expect(on.check([on.channel(at)])).rejects.toMatchObject({ code: "gateway.unavailable" });
});
