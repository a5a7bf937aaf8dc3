// Posts in SQLite. Every change gets a version that is newer than all before it, in the same transaction.
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { DeletedPost, Post, PostList } from "../contract.ts";

/** What a person writes. */
export interface Draft {
  readonly title: string;
  readonly body: string;
}

/** What an update met: the new post, no post, or a newer one than the writer had seen. */
type Updated =
  | { readonly kind: "updated"; readonly post: Post }
  | { readonly kind: "missing" }
  | { readonly kind: "conflict"; readonly post: Post };

export interface PostsStore {
  list(): PostList;
  /** Null when there is none. */
  get(id: number): Post | null;
  create(draft: Draft): Post;
  /** With `ifVersion`, only when the post still has that version. */
  update(id: number, draft: Draft, ifVersion?: number): Updated;
  /** Null when there was none. Ids are never used again. */
  remove(id: number): DeletedPost | null;
  close(): void;
}

const schema = `
  CREATE TABLE IF NOT EXISTS posts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    version INTEGER NOT NULL,
    createdAt INTEGER NOT NULL,
    updatedAt INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS clock (version INTEGER NOT NULL) STRICT;
`;
const columns = "id, title, body, version, createdAt, updatedAt";

/** Opens or creates the database. @param path a file, whose folder is created, or ":memory:" */
export function openPostsStore(path: string, wallTime: () => number = Date.now): PostsStore {
  if (path !== ":memory:") mkdirSync(dirname(path), { recursive: true });
  const database = new DatabaseSync(path);
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 2000; ${schema}`);
  // A version is never below the time of its change, so that a new database counts on where a deleted one ended.
  database.prepare("INSERT INTO clock SELECT ? WHERE NOT EXISTS (SELECT 1 FROM clock)").run(wallTime());

  const head = database.prepare("SELECT version FROM clock");
  const tick = database.prepare("UPDATE clock SET version = max(version + 1, ?) RETURNING version");
  const selectAll = database.prepare(`SELECT ${columns} FROM posts ORDER BY id DESC`);
  const selectOne = database.prepare(`SELECT ${columns} FROM posts WHERE id = ?`);
  const insert = database.prepare(
    `INSERT INTO posts (title, body, version, createdAt, updatedAt) VALUES (?, ?, ?, ?, ?) RETURNING ${columns}`,
  );
  const change = database.prepare(
    `UPDATE posts SET title = ?, body = ?, version = ?, updatedAt = ? WHERE id = ? RETURNING ${columns}`,
  );
  const erase = database.prepare("DELETE FROM posts WHERE id = ?");

  const nextVersion = (): number => (tick.get(wallTime()) as { readonly version: number }).version;
  const find = (id: number): Post | null => (selectOne.get(id) as Post | undefined) ?? null;
  const transaction = <Result>(work: () => Result): Result => {
    database.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      database.exec("COMMIT");
      return result;
    } catch (error) {
      database.exec("ROLLBACK");
      throw error;
    }
  };

  return {
    list: () =>
      transaction(() => {
        const { version } = head.get() as { readonly version: number };
        return { version, posts: selectAll.all() as unknown as readonly Post[] };
      }),
    get: find,
    create: ({ title, body }) =>
      transaction(() => {
        const now = wallTime();
        return insert.get(title, body, nextVersion(), now, now) as unknown as Post;
      }),
    update: (id, { title, body }, ifVersion) =>
      transaction((): Updated => {
        const current = find(id);
        if (current === null) return { kind: "missing" };
        if (ifVersion !== undefined && ifVersion !== current.version) return { kind: "conflict", post: current };
        const post = change.get(title, body, nextVersion(), wallTime(), id) as unknown as Post;
        return { kind: "updated", post };
      }),
    remove: (id) =>
      transaction(() => {
        if (erase.run(id).changes === 0) return null;
        return { id, version: nextVersion() };
      }),
    close: () => database.close(),
  };
}
