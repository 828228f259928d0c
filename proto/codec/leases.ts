// Wire forms of leases (proto/leases.ts).

import * as wire from "../gen/bailiwick/peer/v1/lease_pb.ts";
import type { Lease, LeaseRef, LeaseRemaining, LeaseStatus } from "../leases.ts";
import { logIndex, uint64, wholeMs } from "./integers.ts";
import { message, nullable, required } from "./structure.ts";

export const lease = message<Lease, typeof wire.LeaseSchema>(wire.LeaseSchema, {
  id: uint64,
  ttlMs: wholeMs,
  remainingMs: nullable(wholeMs),
  renewedAt: logIndex,
});

export const leaseRef = message<LeaseRef, typeof wire.LeaseRefSchema>(wire.LeaseRefSchema, {
  id: uint64,
  renewedAt: logIndex,
});

export const leaseRemaining = message<LeaseRemaining, typeof wire.LeaseRemainingSchema>(wire.LeaseRemainingSchema, {
  lease: required(leaseRef),
  remainingMs: wholeMs,
});

export const leaseStatus = message<LeaseStatus, typeof wire.LeaseStatusSchema>(wire.LeaseStatusSchema, {
  id: uint64,
  grantedTtlMs: wholeMs,
  ttlMs: wholeMs,
  keyCount: uint64,
});
