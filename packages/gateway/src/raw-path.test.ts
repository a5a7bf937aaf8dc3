import { describe, expect, it } from "vitest";
import { ownPaths } from "./own-paths.ts";
import { rawPath, rawPrefixProblem } from "./raw-path.ts";

describe("§16.1 the path behind the prefix is the channel", () => {
  it.each([
    ["/my-channel", "/", "my-channel"],
    ["/live/my-channel", "/live/", "my-channel"],
    ["/live/a/b", "/live/", "a/b"],
    ["/live/a%2Fb%20c%C3%BC", "/live/", "a/b cü"],
    ["/live/100%2525", "/live/", "100%25"],
    ["/live/x/", "/live/", "x/"],
    ["/live/scope:post;mutation:list::user_id:1", "/live/", "scope:post;mutation:list::user_id:1"],
    ["/", "/", "all"],
    ["/live/", "/live/", "all"],
  ])("%s with the prefix %s is %s", (path, prefix, channel) => {
    expect(rawPath(path, prefix)).toEqual({ ok: true, channel });
  });

  it("leaves other paths alone, and those of the gateway", () => {
    for (const path of ["/live", "/other/x", "", "live/x", "*"]) expect(rawPath(path, "/live/")).toBeNull();
    for (const path of ownPaths) expect(rawPath(path, "/")).toBeNull();
    expect(rawPath("/my-channel", null)).toBeNull();
  });

  it("says what is wrong with a path that can name no channel", () => {
    for (const name of ["%", "%ff", "a*", "~members/x", "~page/x", "a/../b", "%00", "x".repeat(513), "%F0%9F%92"])
      expect(rawPath(`/live/${name}`, "/live/")).toEqual({
        ok: false,
        problem: expect.stringMatching(/^path: expected/) as string,
      });
  });
});

it("a prefix is a path with a slash at both ends", () => {
  for (const prefix of ["/", "/live/", "/a/b-c_d.e~f/"]) expect(rawPrefixProblem(prefix)).toBeNull();
  for (const prefix of ["", "live", "/live", "live/", "//", "/a//", "/a?/", "/%41/", "/ä/", 7, null, undefined])
    expect(rawPrefixProblem(prefix)).toMatch(/slash at both ends/);
});
