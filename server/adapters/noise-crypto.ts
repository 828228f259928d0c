// The cipher of noise, cheaper than the library's own choice. OpenSSL takes a raw key apart anew for each record, which costs as
// much as sealing 8 KiB; a key that is prepared once costs nothing. WebAssembly has no such start, but a slower loop.

import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from "node:crypto";
import type { ICryptoInterface } from "@libp2p/noise";
import { asCrypto, defaultCrypto } from "@libp2p/noise/crypto";
import { transientBytes } from "../../storage/bytes.ts";

const cipherName = "chacha20-poly1305";
/** Proves a record; it is the last of its bytes. */
export const tagBytes = 16;
const tagOption = { authTagLength: tagBytes };

/** From here on OpenSSL is quicker: measured with Node.js 24, both need about 6 us. */
const nativeBytesMin = 600;

type Bytes = Parameters<ICryptoInterface["chaCha20Poly1305Encrypt"]>[0];

export function noiseCrypto(): ICryptoInterface {
  const keys = new WeakMap<Uint8Array, KeyObject>();
  const prepared = (key: Uint8Array): KeyObject => {
    const known = keys.get(key) ?? createSecretKey(key);
    keys.set(key, known);
    return known;
  };
  return {
    ...defaultCrypto,
    chaCha20Poly1305Encrypt: (plain, nonce, ad, key) =>
      plain.byteLength < nativeBytesMin
        ? asCrypto.chaCha20Poly1305Encrypt(plain, nonce, ad, key)
        : seal(plain, nonce, ad, prepared(key)),
    chaCha20Poly1305Decrypt: (sealed, nonce, ad, key, target) =>
      sealed.byteLength < nativeBytesMin
        ? asCrypto.chaCha20Poly1305Decrypt(sealed, nonce, ad, key, target)
        : open(sealed, nonce, ad, prepared(key)),
  };
}

function seal(plain: Bytes, nonce: Uint8Array, ad: Uint8Array, key: KeyObject): Uint8Array {
  const cipher = createCipheriv(cipherName, key, nonce, tagOption);
  if (ad.length > 0) cipher.setAAD(ad, { plaintextLength: plain.byteLength });
  const sealed = transientBytes(plain.byteLength + tagBytes);
  sealed.set(cipher.update(plain.subarray()));
  cipher.final();
  sealed.set(cipher.getAuthTag(), plain.byteLength);
  return sealed;
}

/** @throws {Error} when the tag does not prove the bytes */
function open(sealed: Bytes, nonce: Uint8Array, ad: Uint8Array, key: KeyObject): Uint8Array {
  const length = sealed.byteLength - tagBytes;
  const decipher = createDecipheriv(cipherName, key, nonce, tagOption);
  if (ad.length > 0) decipher.setAAD(ad, { plaintextLength: length });
  decipher.setAuthTag(sealed.subarray(length));
  const plain = decipher.update(sealed.subarray(0, length));
  decipher.final();
  return plain;
}
