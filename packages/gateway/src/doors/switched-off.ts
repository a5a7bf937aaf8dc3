// A gateway that takes no connections (`enabled: false`): what asks for one finds nothing.
import type { IncomingMessage, ServerResponse } from "node:http";
import { socketPath } from "@trunkline/core/wire";
import { pathOf } from "../auth/request-info.ts";
import { sendError } from "./json-response.ts";
import { refuseUpgrade } from "./refuse-upgrade.ts";
import type { UpgradeDoor } from "./upgrade.ts";

const error = {
  code: "gateway.bad-request",
  message: "expected a gateway that takes connections, got one that is switched off (enabled: false)",
} as const;

export const noUpgrade: UpgradeDoor = (request, socket) => {
  if (pathOf(request.url ?? "/") !== socketPath) return false;
  refuseUpgrade(socket, 404, error);
  return true;
};

export function noEventStream(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  sendError(response, 404, error.code, error.message);
}
