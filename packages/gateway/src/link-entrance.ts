// The way in for links: who it is, as on every way in, and what part of the account it gets, once the gateway hears what others of its
// broker say about their connections.
import type { Answer, Authenticated, Entrance } from "./auth/entrance.ts";
import type { Entry } from "./auth/authenticator.ts";
import type { ControlLine } from "./control-line.ts";
import type { Grants } from "./grants.ts";
import type { VolatileLine } from "./volatile-line.ts";

/** What part of the account a URL asks for (PROTOCOL §2.6), or null. */
export function scopeHint({ request }: Pick<Entry, "request">): string | null {
  return request.params.get("scope");
}

/** @param pushes what all gateways hear of channels that they may have */
export function linkEntrance(entrance: Entrance, grants: Grants, line: ControlLine, pushes: VolatileLine): Entrance {
  /** Whatever is said about connections from here on concerns this one. */
  const marked = <Who>(ask: () => Answer<Who>, go: (who: Who, mark: number) => Answer<Who>): Answer<Who> => {
    const start = (): Answer<Who> => {
      const { mark } = line;
      const who = ask();
      return who instanceof Promise ? who.then((said) => go(said, mark)) : go(who, mark);
    };
    // A link that comes in without it is turned away when it is about to be let in: the broker is gone.
    return line.isReady && pushes.isReady ? start() : Promise.all([line.ready(), pushes.ready()]).then(start, start);
  };
  const scoped =
    (entry: Entry) =>
    <Who extends Authenticated | null>(who: Who, mark: number): Answer<Authenticated | Who> => {
      if (who === null || !who.ok) return who;
      const hint = scopeHint(entry);
      if (!grants.decides(hint)) return { ...who, mark };
      const take = (decided: Awaited<ReturnType<Grants["scope"]>>): Authenticated =>
        decided.ok ? { ...who, mark, scope: decided.scope } : decided;
      const decided = grants.scope(who.principal, entry.request, hint);
      return decided instanceof Promise ? decided.then(take) : take(decided);
    };

  return {
    enter: (entry) => marked<Authenticated>(() => entrance.enter(entry), scoped(entry)),
    beforeHello: (entry) => marked<Authenticated | null>(() => entrance.beforeHello(entry), scoped(entry)),
    // `hello` may have asked for another scope: the session has it decided.
    atHello: (entry) =>
      marked<Authenticated>(
        () => entrance.atHello(entry),
        (who, mark) => (who.ok ? { ...who, mark } : who),
      ),
  };
}
