// GET, POST /posts and GET, PUT, DELETE /posts/ID. A change is told to everybody once it is stored.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { contract } from "../contract.ts";
import { readBody, sendError, sendJson } from "./http.ts";
import type { Draft, PostsStore } from "./posts-store.ts";

export type PostEvent = keyof (typeof contract)["events"];

export interface PostsApiOptions {
  readonly store: PostsStore;
  /** Tells everybody who listens; rejects when nobody could be told. */
  readonly publish: (event: PostEvent, data: unknown) => Promise<unknown>;
  /** Hears of what failed inside. */
  readonly onError: (message: string, error: unknown) => void;
}

/** Largest request body, in bytes. */
const maxBodyBytes = 64 * 1024;
/** In UTF-16 units, as `maxlength` in a form counts. */
const maxTitleLength = 200;
const maxBodyLength = 5000;

/** Takes requests for `/posts` and below; false for any other path, and nothing is done. */
export function createPostsApi(
  options: PostsApiOptions,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  const { store, publish, onError } = options;

  /** The change is stored whatever becomes of this, so the answer says both. */
  const tell = async (event: PostEvent, data: unknown): Promise<object> => {
    try {
      await publish(event, data);
      return { published: true };
    } catch (error) {
      onError(`${event} was stored but not published`, error);
      return { published: false, notice: "stored, but open pages were not told: reload them to see it" };
    }
  };

  const answerList = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method === "GET" || request.method === "HEAD") return sendJson(response, 200, store.list());
    if (request.method !== "POST") return refuseMethod(request, response, "GET, POST");
    const change = await readChange(request, response);
    if (change === null) return;
    const post = store.create(change);
    sendJson(response, 201, { post, ...(await tell("post.created", post)) }, { Location: `/posts/${post.id}` });
  };

  const answerOne = async (id: number, request: IncomingMessage, response: ServerResponse): Promise<void> => {
    switch (request.method) {
      case "GET":
      case "HEAD": {
        const post = store.get(id);
        return post === null ? refuseMissing(response) : sendJson(response, 200, post);
      }
      case "PUT": {
        const change = await readChange(request, response);
        if (change === null) return;
        const updated = store.update(id, change, change.version);
        if (updated.kind === "missing") return refuseMissing(response);
        if (updated.kind === "updated") {
          return sendJson(response, 200, { post: updated.post, ...(await tell("post.updated", updated.post)) });
        }
        const message = "version: expected that of the post as it is now, got another; someone changed it meanwhile";
        return sendJson(response, 409, { error: { code: "conflict", message }, post: updated.post });
      }
      case "DELETE": {
        if (!isSameOrigin(request)) return refuseForeign(response);
        const deleted = store.remove(id);
        if (deleted === null) return refuseMissing(response);
        return sendJson(response, 200, { deleted, ...(await tell("post.deleted", deleted)) });
      }
      case undefined:
      default:
        return refuseMethod(request, response, "GET, PUT, DELETE");
    }
  };

  return (request, response) => {
    const path = (request.url ?? "/").split("?", 1)[0] ?? "/";
    if (path !== "/posts" && !path.startsWith("/posts/")) return false;
    const id = /^\/posts\/([1-9]\d{0,15})$/.exec(path)?.[1];
    const answer =
      path === "/posts"
        ? answerList(request, response)
        : id === undefined
          ? Promise.resolve(refuseMissing(response))
          : answerOne(Number(id), request, response);
    answer.catch((error: unknown) => {
      onError(`${request.method} ${path} failed`, error);
      if (!response.headersSent)
        sendError(response, 500, "internal", "the server failed; nothing is known about this change");
    });
    return true;
  };
}

interface Change extends Draft {
  /** The version that the writer saw. */
  readonly version?: number;
}

/** The draft in a request's body, or null when it was refused. */
async function readChange(request: IncomingMessage, response: ServerResponse): Promise<Change | null> {
  if (!isSameOrigin(request)) {
    refuseForeign(response);
    return null;
  }
  // A form of another site can send text, but no JSON, without being asked about first.
  if (!/^application\/json\s*(;|$)/i.test(request.headers["content-type"] ?? "")) {
    sendError(response, 415, "unsupported", "expected Content-Type: application/json");
    return null;
  }
  const body = await readBody(request, maxBodyBytes);
  if (body === null) {
    sendError(response, 413, "too-large", `expected a body of at most ${maxBodyBytes} bytes, got more`, {
      Connection: "close",
    });
    return null;
  }
  const change = checkChange(body.toString("utf8"));
  if (typeof change !== "string") return change;
  sendError(response, 400, "bad-request", change);
  return null;
}

/** The draft in `text`, or what is wrong with it, naming the field. */
function checkChange(text: string): Change | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'body: expected JSON such as {"title":"Hello","body":"…"}, got text that is not JSON';
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return 'body: expected an object with "title" and "body"';
  }
  const { title, body = "", version, ...rest } = value as Readonly<Record<string, unknown>>;
  const [stranger] = Object.keys(rest);
  if (stranger !== undefined) return `${stranger}: expected only title, body and version`;
  if (typeof title !== "string") return `title: expected a string, got ${title === null ? "null" : typeof title}`;
  const trimmed = title.trim();
  if (trimmed === "" || trimmed.length > maxTitleLength) {
    return `title: expected 1–${maxTitleLength} characters, got ${trimmed.length}`;
  }
  if (typeof body !== "string") return `body: expected a string, got ${body === null ? "null" : typeof body}`;
  if (body.length > maxBodyLength) return `body: expected at most ${maxBodyLength} characters, got ${body.length}`;
  if (version === undefined) return { title: trimmed, body };
  if (!Number.isSafeInteger(version)) return "version: expected an integer";
  return { title: trimmed, body, version: version as number };
}

/** Browsers name the page's origin with every write; other programs send none. */
function isSameOrigin({ headers }: IncomingMessage): boolean {
  if (headers.origin === undefined) return true;
  return URL.canParse(headers.origin) && new URL(headers.origin).host === headers.host;
}

function refuseForeign(response: ServerResponse): void {
  sendError(response, 403, "forbidden", "expected a page of this server, got one of another origin");
}

function refuseMissing(response: ServerResponse): void {
  sendError(response, 404, "not-found", "there is no such post");
}

function refuseMethod(request: IncomingMessage, response: ServerResponse, allowed: string): void {
  sendError(response, 405, "unsupported", `expected ${allowed}, got ${request.method}`, { Allow: allowed });
}
