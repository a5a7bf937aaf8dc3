import { element } from "./element.ts";

export interface EventLog {
  add(text: string): void;
}

const maxEntries = 50;

/** Newest first, the last 50. */
export function createEventLog(list: HTMLElement): EventLog {
  return {
    add(text) {
      const now = new Date();
      list.prepend(
        element("li", {}, element("time", { datetime: now.toISOString() }, now.toLocaleTimeString()), ` ${text}`),
      );
      while (list.childElementCount > maxEntries) list.lastElementChild?.remove();
    },
  };
}
