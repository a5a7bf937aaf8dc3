// Bundled to /trunkline.js: what a page without a bundler imports.
export { createClient } from "trunkline";
