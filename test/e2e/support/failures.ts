// Calls that must fail, and how.

import assert from "node:assert/strict";
import { type ClientErrorCode, DbError, UnreachableError } from "../../../client/index.ts";

/** One attempt: the first failure is the answer. */
export const noRetry = { retry: { attemptsMax: 1, backoffMs: 1, backoffMsMax: 1 } } as const;

/** Fails unless `call` fails as expected, and with the certainty that nothing has happened. */
export async function assertFailure(
  call: Promise<unknown>,
  expected: { readonly code: ClientErrorCode; readonly message: RegExp },
): Promise<void> {
  await assert.rejects(call, (reason) => {
    assert(reason instanceof DbError || reason instanceof UnreachableError, String(reason));
    assert.equal(reason.code, expected.code, reason.message);
    assert.match(reason.message, expected.message);
    assert.equal(reason.effect, "none", reason.message);
    return true;
  });
}
