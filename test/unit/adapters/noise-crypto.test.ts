// The cipher of noise against the library's own.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { pureJsCrypto } from "@libp2p/noise";
import { noiseCrypto } from "../../../server/adapters/noise-crypto.ts";

const nonce = randomBytes(12);
const ours = noiseCrypto();

/** Both sides of the size from which another cipher takes over, with and without the tag. */
const sizes = [0, 1, 32, 583, 584, 599, 600, 601, 616, 5_000, 65_519];

for (const ad of [new Uint8Array(0), randomBytes(32)]) {
  test(`what either seals the other opens, with ${ad.length} additional bytes`, () => {
    const key = randomBytes(32);
    for (const size of sizes) {
      const plain = randomBytes(size);
      const sealed = ours.chaCha20Poly1305Encrypt(plain, nonce, ad, key).slice();
      assert.deepEqual(
        Buffer.from(sealed),
        Buffer.from(pureJsCrypto.chaCha20Poly1305Encrypt(plain, nonce, ad, key).slice()),
      );
      const opened = ours.chaCha20Poly1305Decrypt(sealed, nonce, ad, key);
      assert.deepEqual(Buffer.from(opened.slice()), plain);
    }
  });
}

test("nothing is opened of which a bit is another, or by another key", () => {
  const key = randomBytes(32);
  for (const size of sizes) {
    const sealed = ours.chaCha20Poly1305Encrypt(randomBytes(size), nonce, nonce, key).slice();
    assert.throws(() => ours.chaCha20Poly1305Decrypt(sealed.slice(), nonce, nonce, randomBytes(32)));
    for (const at of [0, sealed.length - 1]) {
      const damaged = sealed.slice();
      damaged[at] = (damaged[at] as number) ^ 1;
      assert.throws(() => ours.chaCha20Poly1305Decrypt(damaged, nonce, nonce, key));
    }
  }
});
