// Names of resources and of what happens to them.
import { UsageError } from "../errors.ts";
import { type Scope, scopeKey } from "./scope.ts";

/** A class, or its name: `"Post"`, `"Fake::Blog::Post"`, `"blog/Post"`. A minifier renames classes, so a text is safer. */
export type ResourceName = string | (abstract new (...args: never[]) => unknown);

/** The name as it was given. */
export function resourceName(resource: ResourceName): string {
  return typeof resource === "string" ? resource : resource.name;
}

/**
 * `BlogPost` → `blog_post`, `Fake::Blog::Post` → `fake.blog.post`; `::`, `/` and `.` part.
 * @throws {UsageError} `usage.bad-argument`
 */
export function resourceKey(resource: ResourceName): string {
  const parts = resourceName(resource).split(/::|[./]/);
  if (parts.some((part) => !/^[\p{L}\p{N}_-]+$/u.test(part))) {
    const given = JSON.stringify(resourceName(resource));
    throw new UsageError(
      "usage.bad-argument",
      `resource: expected a name such as "Post" or "Blog::Post", got ${given}`,
    );
  }
  return parts.map(underscore).join(".");
}

/**
 * `routingKey({ scope: { organization: 1234 }, resource: "Post", action: "created" })` is `organization.1234.post.created`;
 * without a scope it is the event's name, `post.created`.
 * @throws {ScopeValueError} @throws {UsageError} `usage.bad-argument`
 */
export function routingKey({
  scope = {},
  resource,
  action,
}: {
  readonly scope?: Scope;
  readonly resource: ResourceName;
  readonly action: string;
}): string {
  return scopedName(scopeKey(scope), `${resourceKey(resource)}.${action}`);
}

/** A name behind the channel of its scope, if it has one. */
export function scopedName(scope: string, name: string): string {
  return scope === "" ? name : `${scope}.${name}`;
}

function underscore(name: string): string {
  return name
    .replace(/([A-Z\d]+)([A-Z][a-z])/g, "$1_$2")
    .replace(/([a-z\d])([A-Z])/g, "$1_$2")
    .replaceAll("-", "_")
    .toLowerCase();
}
