// Wire form of a failure (proto/errors.ts).

import { create } from "@bufbuild/protobuf";
import { type Effect, type ErrorCode, type ErrorDetails, errorCodes, type Failure } from "../errors.ts";
import * as wire from "../gen/bailiwick/peer/v1/forward_pb.ts";
import { CodecError, shown } from "./codec-error.ts";
import { oneOf, text } from "./scalars.ts";
import { type Codec, message, required } from "./structure.ts";
import { wireLimits } from "./wire-limits.ts";

const detailNames = ["group", "node", "field", "missing", "leader", "revision", "key"] as const;
/** Fails to compile when a detail is added to the domain and not here. */
type Covered = Exclude<keyof ErrorDetails, (typeof detailNames)[number]> extends never ? typeof detailNames : never;
const details: Covered = detailNames;

const words = text(wireLimits.textCharsMax);

const failureDetails: Codec<ErrorDetails, wire.FailureDetails> = {
  toWire(value) {
    const result = create(wire.FailureDetailsSchema);
    for (const name of details) {
      const detail = value[name];
      if (detail !== undefined) result[name] = words.toWire(detail, `FailureDetails.${name}`);
    }
    return result;
  },
  fromWire(value) {
    const result: { -readonly [Name in keyof ErrorDetails]: ErrorDetails[Name] } = {};
    for (const name of details) {
      const detail = value[name];
      if (detail !== undefined) result[name] = words.fromWire(detail, `FailureDetails.${name}`);
    }
    return result;
  },
};

function checkCode(code: string, field: string): ErrorCode {
  if (!Object.hasOwn(errorCodes, code)) throw new CodecError(`${field} is ${shown(code)}, a code not known`);
  return code as ErrorCode;
}

const errorCode: Codec<ErrorCode, string> = { toWire: checkCode, fromWire: checkCode };

const effect = oneOf<Effect, wire.Effect>({ none: wire.Effect.NONE, unknown: wire.Effect.UNKNOWN });

export const failure = message<Failure, typeof wire.FailureSchema>(wire.FailureSchema, {
  code: errorCode,
  message: words,
  details: required(failureDetails),
  effect,
});
