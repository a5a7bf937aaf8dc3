import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Change, Roll } from "./roll.ts";

interface Link {
  readonly member: string;
}
const graceMs = 100;
const said = (data?: string) => ({ id: undefined, data });
const names = (changes: readonly (Change | null)[]): string[] =>
  changes.map((change) => (change === null ? "nobody" : `${change.room.channel}:${change.present.member}`));
const listed = (roll: Roll<Link>, channel = "a"): string[] =>
  [...(roll.room("acme", channel)?.members.values() ?? [])].filter((each) => each.listed).map(({ member }) => member);

function roll(maxMembers = 10) {
  return new Roll<Link>({ graceMs, maxMembers });
}

describe("one member", () => {
  const [one, two]: Link[] = [{ member: "ada" }, { member: "ada" }] as const;

  it("§13.1 of two links is one, with what was said last, since it first came", () => {
    const all = roll();
    all.enter(one as Link, "acme", "a", said('"x"'), 1);
    const { present } = all.enter(two as Link, "acme", "a", said('"y"'), 2);
    expect(present).toMatchObject({ member: "ada", data: '"y"', since: 1, listed: true });
    expect(all.size).toBe(1);
  });

  it("§13.4 stays while one of its links does", () => {
    const all = roll();
    for (const link of [one, two]) all.enter(link as Link, "acme", "a", said(), 1);
    expect(names([all.off(one as Link, "acme", "a"), all.off(one as Link, "acme", "a")])).toEqual(["nobody", "nobody"]);
    expect(names(all.end(two as Link, null))).toEqual(["a:ada"]);
    expect([all.size, [...all.rooms]]).toEqual([0, []]);
  });

  it("§13.2 leaves when it says so, whichever links hold it", () => {
    const all = roll();
    for (const link of [one, two]) all.enter(link as Link, "acme", "a", said(), 1);
    expect(names([all.leave("acme", "a", "ada"), all.leave("acme", "a", "ada")])).toEqual(["a:ada", "nobody"]);
    expect(names([all.off(two as Link, "acme", "a"), ...all.end(one as Link, 0)])).toEqual(["nobody"]);
  });

  it("§13.4 stays for the grace when its last link is lost, and longer when it is back", () => {
    const all = roll();
    all.enter(one as Link, "acme", "a", said(), 1);
    all.enter(one as Link, "acme", "b", said(), 1);
    expect(names(all.end(one as Link, 50))).toEqual([]);
    expect(all.nextLeave).toBe(150);
    all.enter(two as Link, "acme", "b", said(), 2);
    expect(names(all.expire(149))).toEqual([]);
    expect(names(all.expire(150))).toEqual(["a:ada"]);
    expect([all.nextLeave, all.size]).toEqual([Infinity, 1]);
  });
});

it("§13.6 lists as many as it may, and who asks again when there is room", () => {
  const all = roll(2);
  const links = ["a", "b", "c"].map((member) => ({ member }));
  for (const link of links) all.enter(link, "acme", "a", said(), 1);
  expect([listed(all), all.size]).toEqual([["a", "b"], 3]);
  all.leave("acme", "a", "a");
  expect(listed(all)).toEqual(["b"]);
  all.enter(links[2] as Link, "acme", "a", said(), 2);
  expect(listed(all)).toEqual(["b", "c"]);
});

it("channels of the same name in two accounts have nothing to do with each other", () => {
  const all = roll();
  all.enter({ member: "m" }, "acme", "a", said(), 1);
  expect([all.leave("globex", "a", "m"), all.room("globex", "a")]).toEqual([null, undefined]);
});

it("whatever happens, who is there is who some link holds or whose grace goes on", () => {
  const links = Array.from({ length: 6 }, (_, index): Link => ({ member: `m${index % 3}` }));
  const action = fc.record({
    kind: fc.constantFrom("enter", "leave", "off", "lost", "goodbye", "wait"),
    link: fc.nat(5),
    channel: fc.constantFrom("a", "b"),
    ms: fc.nat(150),
  });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const all = roll(2);
      /** Member and channel → the links that hold it, or when it leaves. */
      const model = new Map<string, Set<Link> | number>();
      let now = 0;
      const drop = (link: Link, key: string, leavesAt: number | null): void => {
        const held = model.get(key);
        if (!(held instanceof Set) || !held.delete(link) || held.size > 0) return;
        if (leavesAt === null) model.delete(key);
        else model.set(key, leavesAt);
      };
      for (const { kind, link: index, channel, ms } of actions) {
        const link = links[index] as Link;
        const key = `${channel}:${link.member}`;
        if (kind === "enter") {
          const held = model.get(key);
          model.set(key, new Set([...(held instanceof Set ? held : []), link]));
          all.enter(link, "acme", channel, said(), now);
        } else if (kind === "leave") {
          model.delete(key);
          all.leave("acme", channel, link.member);
        } else if (kind === "off") {
          drop(link, key, null);
          all.off(link, "acme", channel);
        } else if (kind === "wait") {
          now += ms;
          for (const [name, held] of model) if (typeof held === "number" && held <= now) model.delete(name);
          all.expire(now);
        } else {
          for (const name of ["a", "b"]) drop(link, `${name}:${link.member}`, kind === "lost" ? now + graceMs : null);
          all.end(link, kind === "lost" ? now : null);
        }
        const there = [...all.rooms].flatMap(({ channel: name, members }) =>
          [...members.keys()].map((member) => `${name}:${member}`),
        );
        expect(new Set(there)).toEqual(new Set(model.keys()));
        expect(all.size).toBe(model.size);
        for (const { members } of all.rooms)
          expect([...members.values()].filter((each) => each.listed).length).toBeLessThanOrEqual(2);
      }
    }),
  );
});
