export { plain, type PlainOptions } from "./plain.ts";
