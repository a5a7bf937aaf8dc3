import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { checkConfig, loadConfig } from "./config-file.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "trunkline-config-"));
});
afterAll(async () => rm(folder, { recursive: true }));

async function file(name: string, content: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

it("D-25 reads JSON and the default export of a module", async () => {
  expect(await loadConfig(await file("a.json", '{"port":8080,"apiKeys":["k:acme"]}'))).toEqual({
    port: 8080,
    apiKeys: ["k:acme"],
  });
  expect(await loadConfig(await file("a.mjs", "export default { host: 'localhost', anonymous: true };"))).toEqual({
    host: "localhost",
    anonymous: true,
  });
});

it("takes a contract, whose calls may be left out", () => {
  expect(checkConfig({ contract: { events: { moved: { delivery: "volatile" } } } }, "f")).toEqual({
    contract: { events: { moved: { delivery: "volatile" } }, calls: {} },
  });
});

it("names file, line and column of broken JSON", async () => {
  const path = await file("broken.json", '{\n  "port": 80,\n}');
  await expect(loadConfig(path)).rejects.toMatchObject({
    code: "usage.bad-option",
    message: `${path}:3:1: broken JSON: expected JSON, got "}" at position 17`,
  });
});

it.each([
  ["missing.json", "can't be read (no such file)"],
  ["settings.yaml", "expected a .json or .mjs file"],
])("says what is wrong with %s", async (name, problem) => {
  await expect(loadConfig(join(folder, name))).rejects.toThrow(problem);
});

it("says that a module needs a default export, or why it can't be loaded", async () => {
  await expect(loadConfig(await file("none.mjs", "export const port = 1;"))).rejects.toThrow(
    "expected a default export",
  );
  await expect(loadConfig(await file("throws.mjs", "throw new Error('not today');"))).rejects.toThrow(
    "can't be loaded: not today",
  );
});

it.each([
  [[], "conf: expected an object of settings, got an empty array"],
  [{ prot: 1 }, 'conf: unknown key "prot"; did you mean "port"?'],
  [{ somethingElse: 1 }, 'conf: unknown key "somethingElse"; expected one of host, port'],
  [{ port: "80" }, "conf: port: expected an integer from 0 to 65535, got a string"],
  [{ port: 65_536 }, "conf: port: expected an integer from 0 to 65535, got 65536"],
  [{ apiKeys: "hunter2" }, "conf: apiKeys: expected an array of non-empty strings, got a string"],
  [{ anonymous: "yes" }, "conf: anonymous: expected true, false or an object of mayListen, mayPublish, mayAttend, got"],
  [{ anonymous: { mayListn: [] } }, 'conf: unknown key "anonymous.mayListn"; did you mean "anonymous.mayListen"?'],
  [{ anonymous: { mayPublish: "a" } }, "conf: anonymous.mayPublish: expected an array of non-empty strings"],
  [{ listeners: ["hunter2"] }, "conf: listeners: expected what defineListener makes, or an array of that"],
  [{ raw: { prefx: "/" } }, 'conf: unknown key "raw.prefx"; did you mean "raw.prefix"?'],
  [{ raw: "/live/" }, "conf: raw: expected true, false or an object of prefix, got a string"],
  [{ pages: { secrte: "hunter2" } }, 'conf: unknown key "pages.secrte"; did you mean "pages.secret"?'],
  [{ pages: { secret: ["hunter2"] } }, "conf: pages.secret: expected a non-empty string, got an array"],
  [{ pages: { timeouts: { initalMs: 1 } } }, 'did you mean "pages.timeouts.initialMs"?'],
  [{ pages: { registry: {} } }, 'conf: unknown key "pages.registry"'],
  [{ pages: { onUnknownConnection: "hunter2" } }, 'conf: pages.onUnknownConnection: expected "silent" or "reject"'],
  [{ presence: true }, "conf: presence: expected false or an object of graceMs, leaseMs, maxMembers, got true"],
  [{ presence: { leaseMS: 1 } }, 'conf: unknown key "presence.leaseMS"; did you mean "presence.leaseMs"?'],
  [{ logLevel: "loud" }, "conf: logLevel: expected one of debug, info, warn, error, silent, got a string"],
  [{ contract: { events: { a: {} } } }, "conf: contract: expected an object such as"],
  [{ history: { cuont: 1 } }, 'conf: unknown key "history.cuont"; did you mean "history.count"?'],
  [{ history: { colour: 1 } }, 'conf: unknown key "history.colour"; expected one of count, ageMs'],
  [{ history: { ageMs: -1 } }, "conf: history.ageMs: expected a whole number, 0 or more, got -1"],
  [{ history: 100 }, "conf: history: expected an object of count, ageMs, got 100"],
  [{ authorise: true }, 'conf: unknown key "authorise"; did you mean "authorize"?'],
  [{ authorize: "hunter2" }, "conf: authorize: expected a function (which an .mjs file can hold), got a string"],
  [{ subscriptions: ["hunter2"] }, "conf: subscriptions: expected a function or an array of functions"],
])("refuses %j, naming key and expectation but no value", (value, message) => {
  const refused = (): unknown => checkConfig(value, "conf");
  expect(refused).toThrow(message);
  expect(refused).not.toThrow(/hunter2/);
});
