export { instrumentHooks } from "./instrument-hooks.ts";
export { instrumentTransport } from "./instrument-transport.ts";
export { redactText } from "./redact-text.ts";
