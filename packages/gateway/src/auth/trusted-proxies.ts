// Behind proxies: who is at the far end of them. Only what a proxy of one's own has said counts; anybody can send a header.
import type { IncomingHttpHeaders } from "node:http";
import { BlockList, isIP } from "node:net";

/** Which headers the proxies set: `X-Forwarded-For`, `-Proto` and `-Host`, or `Forwarded` (RFC 7239). */
export type ProxyHeader = "x-forwarded-for" | "forwarded";

/** Where a request came from. */
export interface Origin {
  readonly remoteAddress: string | undefined;
  readonly secure: boolean;
  readonly host: string | undefined;
}

/** What one proxy says of the peer that it got the request from; undefined where it says nothing. */
interface Hop {
  readonly address: string | undefined;
  readonly proto: string | undefined;
  readonly host: string | undefined;
}

/** Finds the far end of a request, as its own socket and `Host` show it otherwise. */
export type FarEnd = (headers: IncomingHttpHeaders, near: Origin) => Origin;

/** Why `proxies` can't be addresses, or null. */
export function proxiesProblem(proxies: readonly string[]): string | null {
  for (const [index, proxy] of proxies.entries())
    if (parseRange(proxy) === null)
      return `trustedProxies[${index}]: expected an address or a range such as 10.0.0.0/8, got ${JSON.stringify(proxy)}`;
  return null;
}

/** @param proxies addresses and CIDR ranges, all of them good */
export function farEnd(proxies: readonly string[], header: ProxyHeader): FarEnd {
  const list = new BlockList();
  for (const { address, bits, family } of proxies.map(parseRange).filter((range) => range !== null))
    list.addSubnet(address, bits, family);
  const isTrusted = (address: string): boolean => list.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");

  return (headers, near) => {
    let found = near;
    // From here outwards, as long as it is a proxy of ours that speaks.
    for (const { address, proto, host } of hopsOf(headers, header).reverse()) {
      if (found.remoteAddress === undefined || !isTrusted(found.remoteAddress)) break;
      found = {
        remoteAddress: address ?? found.remoteAddress,
        secure: proto === undefined ? found.secure : /^(https|wss)$/i.test(proto),
        host: host ?? found.host,
      };
      // A proxy that does not know whom it serves has the last word.
      if (address === undefined) break;
    }
    return found;
  };
}

function hopsOf(headers: IncomingHttpHeaders, header: ProxyHeader): Hop[] {
  if (header === "forwarded") return parts(headers.forwarded).map(forwardedHop);
  const addresses = parts(headers["x-forwarded-for"]);
  const protos = parts(headers["x-forwarded-proto"]);
  const hosts = parts(headers["x-forwarded-host"]);
  // Each proxy adds to the first list; to the others some do, and some replace what was there.
  return addresses.map((address, index) => {
    const fromEnd = index - addresses.length;
    return {
      address: addressOf(address),
      proto: protos.at(fromEnd) ?? protos[0],
      host: hosts.at(fromEnd) ?? hosts[0],
    };
  });
}

/** One element of `Forwarded`, such as `for="[2001:db8::1]:4711";proto=https`. */
function forwardedHop(element: string): Hop {
  const pairs = new Map(
    element.split(";").map((pair) => {
      const [name = "", value = ""] = pair.split("=", 2);
      return [name.trim().toLowerCase(), value.trim().replace(/^"(.*)"$/, "$1")];
    }),
  );
  return { address: addressOf(pairs.get("for") ?? ""), proto: pairs.get("proto"), host: pairs.get("host") };
}

/** The address in `1.2.3.4`, `1.2.3.4:567`, `::1` and `[::1]:567`; undefined in "unknown" and the like. */
function addressOf(text: string): string | undefined {
  const address = /^\[(.*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  return isIP(address) === 0 ? undefined : address;
}

function parts(header: string | readonly string[] | undefined): string[] {
  return (typeof header === "string" ? header : (header ?? []).join(","))
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean);
}

interface Range {
  readonly address: string;
  readonly bits: number;
  readonly family: "ipv4" | "ipv6";
}

function parseRange(text: unknown): Range | null {
  if (typeof text !== "string") return null;
  const [address = "", bits, more] = text.split("/");
  const version = isIP(address);
  const width = version === 6 ? 128 : 32;
  if (version === 0 || more !== undefined || (bits !== undefined && !/^\d{1,3}$/.test(bits))) return null;
  const prefix = bits === undefined ? width : Number(bits);
  return prefix > width ? null : { address, bits: prefix, family: version === 6 ? "ipv6" : "ipv4" };
}
