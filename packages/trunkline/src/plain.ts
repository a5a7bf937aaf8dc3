export { plain, type PlainOptions } from "@trunkline/core/plain";
