// Failures as google.rpc.Status: both directions, and the table as the schema documents it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { status as grpcStatus } from "@grpc/grpc-js";
import fc from "fast-check";
import { fromStatus, toStatus } from "../../../proto/error-status.ts";
import { type ErrorCode, errorCodes, failure } from "../../../proto/errors.ts";
import { StatusSchema } from "../../../proto/gen/google/rpc/status_pb.ts";

const codes = Object.keys(errorCodes) as ErrorCode[];

test("codes and effects are those documented in common.proto, code by code", () => {
  const schema = readFileSync(join(import.meta.dirname, "../../../proto/bailiwick/v1/common.proto"), "utf8");
  const rows = [...schema.matchAll(/^\/\/ {3}([a-z_]+) +([A-Z_]+) +(none|unknown) /gm)];
  assert.deepEqual(
    rows.map(([, code]) => code),
    codes,
  );
  for (const [, code, grpcName, effect] of rows) {
    assert.equal(toStatus(failure(code as ErrorCode, "")).code, grpcStatus[grpcName as keyof typeof grpcStatus], code);
    assert.equal(errorCodes[code as ErrorCode].effect, effect, code);
  }
});

test("fromStatus() reads back what toStatus() wrote, effect included", () => {
  const details = fc.record(
    { group: fc.string(), node: fc.string(), missing: fc.string(), leader: fc.string(), revision: fc.string() },
    { requiredKeys: [], noNullPrototype: true },
  );
  const effects = fc.constantFrom("none" as const, "unknown" as const);
  fc.assert(
    fc.property(
      fc.constantFrom(...codes),
      fc.string({ unit: "binary" }),
      details,
      effects,
      (code, message, known, effect) => {
        const reason = failure(code, message.toWellFormed(), known, effect);
        assert.deepEqual(fromStatus(toStatus(reason)), reason);
      },
    ),
  );
});

test("toStatus() cuts what would not fit a header and leaves no half of a surrogate pair", () => {
  const { message } = toStatus(failure("internal", `${"x".repeat(999)}😀`));
  assert.ok(message.length < 1_010);
  assert.doesNotThrow(() => encodeURI(message));
  const missing = toStatus(failure("no_quorum", "Too few", { missing: "n".repeat(5_000) }));
  assert.ok((fromStatus(missing)?.details.missing?.length ?? 0) < 1_010);
});

test("fromStatus() makes nothing of a status of another origin", () => {
  assert.equal(fromStatus(create(StatusSchema, { code: 14, message: "proxy" })), null);
  const other = toStatus(failure("internal", "A defect"));
  other.details.shift();
  assert.equal(fromStatus(other), null);
});
