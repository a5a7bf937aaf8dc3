import { expect, it } from "vitest";
import { Lives } from "./lives.ts";

/** Beats by id, as [revision, time]. */
const heard = (beats: Record<string, readonly [revision: number, time: number]>, epoch = "e") => ({
  epoch,
  beats: new Map(Object.entries(beats).map(([id, [revision, time]]) => [id, { revision, time }])),
});

/** A gateway "me" with a lease of 100 that heard `first` at its time 0. */
function begun(first: Parameters<typeof heard>[0]) {
  const lives = new Lives(100);
  return { lives, judged: lives.hear(heard(first), "me", 0) };
}

it("§13.5 judges those who are silent when it begins by the broker's clock", () => {
  const { lives, judged } = begun({ old: [1, 0], late: [2, 901], me: [3, 1000] });
  expect(judged).toEqual({ isOver: false, dead: [["old", { revision: 1, time: 0 }]], isMissing: false });
  expect(["old", "late", "me", "unknown"].map((id) => lives.isAlive(id))).toEqual([false, true, true, false]);
});

it("§13.5 takes one for dead that was silent for the lease, and goes on to until its beat is gone", () => {
  const { lives } = begun({ it: [1, 0], me: [2, 0] });
  expect(lives.hear(heard({ it: [1, 0], me: [3, 99] }), "me", 99).dead).toEqual([]);
  const dead = [["it", { revision: 1, time: 0 }]];
  expect(lives.hear(heard({ it: [1, 0], me: [4, 150] }), "me", 150).dead).toEqual(dead);
  expect(lives.hear(heard({ it: [1, 0], me: [5, 151] }), "me", 151).dead).toEqual(dead);
  lives.bury("it");
  expect(lives.hear(heard({ me: [6, 152] }), "me", 152)).toEqual({ isOver: false, dead: [], isMissing: false });
});

it("§13.5 sees that somebody else has found one dead", () => {
  const { lives } = begun({ it: [1, 0], me: [2, 0] });
  expect(lives.hear(heard({ me: [3, 50] }), "me", 50).isMissing).toBe(true);
});

it.each([
  ["its own beat came too late", { me: [3, 100] }, "e"],
  ["its own beat is gone", { it: [3, 50] }, "e"],
  ["the broker has begun anew", { me: [1, 50] }, "e2"],
] as const)("§13.5 begins another life when %s", (_, next, epoch) => {
  const { lives } = begun({ me: [2, 0] });
  expect(lives.hear(heard(next, epoch), "me", 50).isOver).toBe(true);
  expect(lives.hear(heard({ ...next, again: [9, 150] }, epoch), "again", 51).isOver).toBe(false);
});

it("does not take those for dead that the clock of the broker has left behind", () => {
  const { lives } = begun({ it: [1, 0], me: [2, 0] });
  // An hour, in 10 ms.
  expect(lives.hear(heard({ it: [3, 5], me: [4, 3_600_000] }), "me", 10)).toMatchObject({ isOver: true, dead: [] });
  expect(lives.hear(heard({ it: [5, 3_600_001], me: [6, 3_600_033] }), "me", 43).dead).toEqual([]);
});

it("a gateway that any other may have taken for dead knows", () => {
  // Two gateways that beat at any times: whenever one is judged, its own next beat tells it.
  for (let gap = 1; gap < 400; gap += 7) {
    const [one, two] = [new Lives(100), new Lives(100)];
    const line: Record<string, readonly [number, number]> = { one: [1, 0] };
    one.hear(heard(line), "one", 0);
    line["two"] = [2, 1];
    two.hear(heard(line), "two", 1);
    const beat = gap + 1;
    let judged = false;
    for (let time = 34; time < beat; time += 33) {
      line["two"] = [2 + time, time];
      judged ||= two.hear(heard(line), "two", time).dead.length > 0;
    }
    line["one"] = [1000, beat];
    if (judged) expect(one.hear(heard(line), "one", beat).isOver).toBe(true);
  }
});
