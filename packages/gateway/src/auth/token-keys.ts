// The keys of tokens, and what may be done with each: an algorithm follows from its key, never from a token (ADR 7).
import { KeyObject, createPrivateKey, createPublicKey, createSecretKey, type JsonWebKey } from "node:crypto";

/** A key as people have it: PEM text, a JWK or a `KeyObject`. */
export type KeyInput = string | JsonWebKey | KeyObject;

/** A key, and the JWS algorithms that it is fit for; the first one is signed with. */
export interface TokenKey {
  readonly key: KeyObject;
  readonly algorithms: readonly string[];
}

const rsaAlgorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
const edwardsAlgorithms = ["EdDSA", "Ed25519"];
const curves: Readonly<Record<string, readonly string[]>> = {
  prime256v1: ["ES256"],
  secp384r1: ["ES384"],
  secp521r1: ["ES512"],
};

/** All that a set of public keys may hold. */
export const publicAlgorithms: readonly string[] = [
  ...rsaAlgorithms,
  ...Object.values(curves).flat(),
  ...edwardsAlgorithms,
];

/** @throws {Error} saying what is wrong with it, and never what it is */
export function secretKey(secret: string | Uint8Array): TokenKey {
  const bytes = typeof secret === "string" ? Buffer.from(secret) : secret;
  if (!(bytes instanceof Uint8Array) || bytes.length < 32)
    throw new Error("secret: expected at least 32 bytes, got fewer; make one with `openssl rand -hex 32`");
  // A secret shorter than the hash is weaker than the algorithm's name says (RFC 7518 §3.2).
  const algorithms = ["HS256", "HS384", "HS512"].filter((_, index) => bytes.length >= 32 + 16 * index);
  return { key: createSecretKey(bytes), algorithms };
}

/** @throws {Error} saying what is wrong with it, and never what it is */
export function publicKey(input: KeyInput): TokenKey {
  // Node would take its public half; but a gateway that only checks tokens has no business with the rest.
  const isPrivate = typeof input === "string" ? input.includes("PRIVATE KEY") : !isKey(input) && "d" in input;
  if (isPrivate) throw new Error("publicKey: expected a public key, got a private one");
  return asymmetric("publicKey", () => (isKey(input) ? input : createPublicKey(readable(input))), "public");
}

/** @throws {Error} saying what is wrong with it, and never what it is */
export function privateKey(input: KeyInput): TokenKey {
  return asymmetric("privateKey", () => (isKey(input) ? input : createPrivateKey(readable(input))), "private");
}

function asymmetric(name: string, read: () => KeyObject, type: "public" | "private"): TokenKey {
  let key: KeyObject;
  try {
    key = read();
  } catch {
    throw new Error(`${name}: expected a ${type} key as PEM text, a JWK or a KeyObject, got something else`);
  }
  if (key.type !== type) throw new Error(`${name}: expected a ${type} key, got a ${key.type} one`);
  const algorithms = algorithmsOf(key);
  if (algorithms.length === 0)
    throw new Error(`${name}: expected RSA of 2048 bits or more, P-256, P-384, P-521 or Ed25519, got another kind`);
  return { key, algorithms };
}

function algorithmsOf({ asymmetricKeyType, asymmetricKeyDetails = {} }: KeyObject): readonly string[] {
  const { modulusLength = 0, namedCurve = "" } = asymmetricKeyDetails;
  if (asymmetricKeyType === "rsa") return modulusLength < 2048 ? [] : rsaAlgorithms;
  return asymmetricKeyType === "ed25519" ? edwardsAlgorithms : (curves[namedCurve] ?? []);
}

function isKey(input: KeyInput): input is KeyObject {
  return input instanceof KeyObject;
}

function readable(input: string | JsonWebKey): string | { readonly key: JsonWebKey; readonly format: "jwk" } {
  return typeof input === "string" ? input : { key: input, format: "jwk" };
}
