// What is answered about leases, from the group's state and from what its leader knows of the time. Pure translation.

import type { Lease, LeaseStatus } from "../../proto/leases.ts";
import type { GroupRequest, Header, Reply } from "../../proto/requests.ts";
import type { GroupOutcome } from "./group-state.ts";
import { noLease } from "./lease-commands.ts";
import type { LeaseState } from "./lease-state.ts";
import { limits } from "./limits.ts";

type LeaseRequest<Type extends GroupRequest["type"]> = GroupRequest & { readonly type: Type };

/** @param leftMs what a lease has left at least */
export function answerLeaseRead(
  request: LeaseRequest<"getLease" | "listLeases">,
  header: Header,
  leases: LeaseState,
  leftMs: (lease: Lease) => number,
): Reply {
  const statusOf = (lease: Lease) => toStatus(lease, leases.keyCountOf(lease.id), leftMs(lease));
  if (request.type === "listLeases") return listOf(request, header, leases, statusOf);
  const lease = leases.get(request.id);
  if (lease === null) return { type: "failed", failure: noLease(header.group, request.id) };
  const keys = request.keys ? firstKeys(leases.keysOf(request.id)) : [];
  return { type: "getLease", header, lease: statusOf(lease), keys };
}

/** @returns null for what nobody has asked for, or was refused */
export function answerLeaseWrite(outcome: GroupOutcome, header: Header): Reply | null {
  switch (outcome.type) {
    case "leaseGranted":
      return { type: "grantLease", header, lease: toStatus(outcome.lease, 0, outcome.lease.ttlMs) };
    case "leaseRenewed":
      return { type: "keepAliveLease", header, id: outcome.id, ttlMs: outcome.lease?.ttlMs ?? 0 };
    case "leaseRevoked":
      return { type: "revokeLease", header: { ...header, revision: outcome.revision }, deleted: outcome.deleted };
    default:
      return null;
  }
}

function listOf(
  { after, limit }: LeaseRequest<"listLeases">,
  header: Header,
  leases: LeaseState,
  statusOf: (lease: Lease) => LeaseStatus,
): Reply {
  const page: LeaseStatus[] = [];
  for (const lease of leases.above(after)) {
    if (page.length === limit) return { type: "listLeases", header, leases: page, more: true };
    page.push(statusOf(lease));
  }
  return { type: "listLeases", header, leases: page, more: false };
}

/** As many as an answer has room for. */
function firstKeys(keys: readonly Uint8Array[]): readonly Uint8Array[] {
  let bytesLeft = limits.listBytesMax;
  const end = keys.findIndex((key, at) => {
    bytesLeft -= key.byteLength;
    return at >= limits.pageKeysMax || bytesLeft < 0;
  });
  return end === -1 ? keys : keys.slice(0, end);
}

function toStatus({ id, ttlMs: grantedTtlMs }: Lease, keyCount: number, ttlMs: number): LeaseStatus {
  return { id, grantedTtlMs, ttlMs, keyCount };
}
