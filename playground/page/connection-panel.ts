import type { Health } from "trunkline";
import { byId, element } from "./element.ts";

export interface ConnectionPanel {
  show(health: Health): void;
}

/** Shows a client's health. Touches only what changed, so that a screen reader hears changes alone. */
export function createConnectionPanel(): ConnectionPanel {
  const badge = byId("status", HTMLElement);
  const attempt = byId("attempt", HTMLElement);
  const retry = byId("retry", HTMLElement);
  const connection = byId("connection", HTMLElement);
  const problem = byId("problem", HTMLElement);
  const positions = byId("positions", HTMLElement);

  const set = (target: HTMLElement, text: string): void => {
    if (target.textContent !== text) target.textContent = text;
  };

  return {
    show({ status, attempt: count, nextRetryInMs, connection: id, lastError, streams }) {
      const connected = status === "connected";
      badge.dataset["status"] = status;
      set(badge, status);
      set(attempt, connected ? "–" : String(count));
      set(retry, nextRetryInMs === null ? "–" : `in ${(nextRetryInMs / 1000).toFixed(1)} s`);
      set(connection, id ?? "–");
      set(problem, connected || lastError === null ? "–" : lastError.message);
      const lines = streams.map(({ channel, state, position }) =>
        position === null ? `${channel}: ${state}` : `${channel}: ${state}, at ${position.offset}`,
      );
      if (positions.dataset["shown"] === lines.join("\n")) return;
      positions.dataset["shown"] = lines.join("\n");
      positions.replaceChildren(...lines.map((line) => element("li", {}, line)));
    },
  };
}
