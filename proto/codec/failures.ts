// Wire form of a failure (proto/errors.ts).

import { type Effect, type ErrorCode, type ErrorDetails, errorCodes, type Failure } from "../errors.ts";
import * as wire from "../gen/bailiwick/peer/v1/forward_pb.ts";
import { CodecError, shown } from "./codec-error.ts";
import { oneOf, scalar, text } from "./scalars.ts";
import { type Codec, mapped, message, nullable, required } from "./structure.ts";
import { wireLimits } from "./wire-limits.ts";

const detailNames = ["group", "node", "field", "missing", "leader", "revision", "key"] as const;
/** Fails to compile when a detail is added to the domain and not here. */
type Covered = Exclude<keyof ErrorDetails, (typeof detailNames)[number]> extends never ? typeof detailNames : never;
const details: Covered = detailNames;

const words = text(wireLimits.textCharsMax);

type AllDetails = { [Name in keyof ErrorDetails]-?: string | null };

const allDetails = message<AllDetails, typeof wire.FailureDetailsSchema>(
  wire.FailureDetailsSchema,
  Object.fromEntries(details.map((name) => [name, nullable(words)])) as Record<
    keyof ErrorDetails,
    Codec<string | null, string | undefined>
  >,
);

/** A detail that there is not is no property. */
const failureDetails = mapped<ErrorDetails, AllDetails, wire.FailureDetails>(allDetails, {
  to: (some) => Object.fromEntries(details.map((name) => [name, some[name] ?? null])) as AllDetails,
  from: (all) => Object.fromEntries(Object.entries(all).filter(([, detail]) => detail !== null)),
});

function checkCode(code: string, field: string): ErrorCode {
  if (!Object.hasOwn(errorCodes, code)) throw new CodecError(`${field} is ${shown(code)}, a code not known`);
  return code as ErrorCode;
}

const errorCode = scalar<ErrorCode, string>(checkCode, checkCode);

const effect = oneOf<Effect, wire.Effect>({ none: wire.Effect.NONE, unknown: wire.Effect.UNKNOWN });

export const failure = message<Failure, typeof wire.FailureSchema>(wire.FailureSchema, {
  code: errorCode,
  message: words,
  details: required(failureDetails),
  effect,
});
