/**
 * The ways to sign a token, and their keys. A method is chosen once, by the operator; what a token claims of itself can
 * only be equal to it or make it invalid.
 */

import {
  constants,
  createHmac,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  timingSafeEqual,
  verify,
} from "node:crypto";

export interface JwtSigner {
  /** undefined if there is only a public key. */
  readonly sign: ((text: string) => Uint8Array) | undefined;
  verify(text: string, signature: Uint8Array): boolean;
}

/** What the operator gave: the contents of files. */
export interface JwtKeyFiles {
  readonly publicKey: Uint8Array | undefined;
  readonly privateKey: Uint8Array | undefined;
}

interface Family {
  /** Node's name of the type of key. */
  readonly keyType: string;
  /** What its keys are called in messages. */
  readonly keyName: string;
  readonly hash: string | null;
  /** What node:crypto wants to know beside the key. */
  readonly signing: Readonly<Record<string, unknown>>;
  readonly verifying: Readonly<Record<string, unknown>>;
  /** The only curve that fits the method. */
  readonly curve?: string;
}

const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING };
const RAW = { dsaEncoding: "ieee-p1363" };

const HMACS: Readonly<Record<string, string>> = {
  HS256: "sha256",
  HS384: "sha384",
  HS512: "sha512",
};

const FAMILIES: Readonly<Record<string, Family>> = {
  RS256: rsa("sha256"),
  RS384: rsa("sha384"),
  RS512: rsa("sha512"),
  PS256: pss("sha256"),
  PS384: pss("sha384"),
  PS512: pss("sha512"),
  ES256: ecdsa("sha256", "prime256v1"),
  ES384: ecdsa("sha384", "secp384r1"),
  ES512: ecdsa("sha512", "secp521r1"),
  EdDSA: { keyType: "ed25519", keyName: "Ed25519", hash: null, signing: {}, verifying: {} },
};

export const SIGN_METHODS = [...Object.keys(HMACS), ...Object.keys(FAMILIES)];

function rsa(hash: string): Family {
  return { keyType: "rsa", keyName: "RSA", hash, signing: {}, verifying: {} };
}

/** The salt is as long as the hash; of others' tokens it may have any length, as in etcd. */
function pss(hash: string): Family {
  return {
    ...rsa(hash),
    signing: { ...PSS, saltLength: constants.RSA_PSS_SALTLEN_DIGEST },
    verifying: { ...PSS, saltLength: constants.RSA_PSS_SALTLEN_AUTO },
  };
}

function ecdsa(hash: string, curve: string): Family {
  return { keyType: "ec", keyName: "ECDSA", hash, signing: RAW, verifying: RAW, curve };
}

/**
 * @throws {RangeError} with one line if the method is unknown, or the keys are missing, do not fit it or each other; where
 *   etcd has a text for it, that is its end
 */
export function makeSigner(method: string, files: JwtKeyFiles): JwtSigner {
  const hmac = Object.hasOwn(HMACS, method) ? HMACS[method] : undefined;
  if (hmac !== undefined) return hmacSigner(hmac, files.privateKey);
  const family = Object.hasOwn(FAMILIES, method) ? FAMILIES[method] : undefined;
  if (family !== undefined) return keyPairSigner(family, files);
  throw new RangeError(
    `sign-method is "${method}": auth: invalid auth signature method: expected one of ${
      SIGN_METHODS.join(", ")
    }`,
  );
}

/** The secret is the whole private key file, as it is. */
function hmacSigner(hash: string, secret: Uint8Array | undefined): JwtSigner {
  if (isMissing(secret)) throw missingKey("priv-key");
  const macOf = (text: string) => createHmac(hash, secret).update(text).digest();
  return {
    sign: macOf,
    verify(text, signature) {
      const mac = macOf(text);
      return mac.length === signature.length && timingSafeEqual(mac, signature);
    },
  };
}

function keyPairSigner(family: Family, files: JwtKeyFiles): JwtSigner {
  const secret = isMissing(files.privateKey) ? undefined : readPrivate(family, files.privateKey);
  const given = isMissing(files.publicKey) ? undefined : readPublic(family, files.publicKey);
  const shown = secret === undefined ? given : createPublicKey(secret);
  if (shown === undefined) throw missingKey("pub-key or priv-key");
  if (given !== undefined && !shown.equals(given)) {
    throw new RangeError("auth: public and private keys don't match");
  }
  const { hash, signing, verifying } = family;
  return {
    sign: secret && ((text) => sign(hash, bytesOf(text), { key: secret, ...signing })),
    verify(text, signature) {
      try {
        return verify(hash, bytesOf(text), { key: shown, ...verifying }, signature);
      } catch {
        // A signature that has not even the right shape.
        return false;
      }
    },
  };
}

function isMissing(file: Uint8Array | undefined): file is undefined {
  return file === undefined || file.length === 0;
}

function missingKey(option: string): RangeError {
  return new RangeError(`auth: missing key data: expected ${option}`);
}

function readPrivate(family: Family, file: Uint8Array): KeyObject {
  return readKey(family, { option: "priv-key", read: () => createPrivateKey(pemOf(file)) });
}

/** A public key, or a certificate with one. A private key would do for Node, but it has no business there. */
function readPublic(family: Family, file: Uint8Array): KeyObject {
  const read = () => {
    const pem = pemOf(file);
    if (/^-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/m.test(pem)) {
      throw new TypeError("this is a private key");
    }
    return createPublicKey(pem);
  };
  return readKey(family, { option: "pub-key", read });
}

function readKey(
  { keyType, keyName, curve }: Family,
  { option, read }: { option: string; read: () => KeyObject },
): KeyObject {
  const key = attempt(option, read);
  if (key.asymmetricKeyType !== keyType) {
    throw new RangeError(
      `${option} is a key of type ${key.asymmetricKeyType}: expected one of ${keyName}`,
    );
  }
  const { namedCurve } = key.asymmetricKeyDetails ?? {};
  if (curve !== undefined && namedCurve !== curve) {
    throw new RangeError(`${option} is a key on the curve ${namedCurve}: expected ${curve}`);
  }
  return key;
}

/** What Node says of a broken key is left out: its texts may show some of the key. */
function attempt(option: string, read: () => KeyObject): KeyObject {
  try {
    return read();
  } catch (cause) {
    throw new RangeError(`${option} cannot be read: expected a key in PEM`, { cause });
  }
}

function pemOf(file: Uint8Array): string {
  return new TextDecoder().decode(file);
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
