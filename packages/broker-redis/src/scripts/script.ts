// A Lua script and the name Redis knows it by.
import { hash } from "node:crypto";

export interface Script {
  readonly text: string;
  readonly sha: string;
}

export function script(text: string): Script {
  return { text, sha: hash("sha1", text, "hex") };
}
