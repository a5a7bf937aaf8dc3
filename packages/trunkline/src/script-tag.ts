// The script tag's `trunkline`: the client alone. Modules come from a bundler or an ESM import.
export { createClient } from "./browser.ts";
export * from "./api.ts";
