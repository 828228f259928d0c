// Requests of groups to run on a node, as they travel there, and what its ledger keeps of them as rows (D5).

import * as wire from "../gen/bailiwick/peer/v1/allocation_pb.ts";
import type { BootNumber } from "../ids.ts";
import type { Reservation } from "../placement.ts";
import { boot, epoch, incarnation } from "./integers.ts";
import { amounts } from "./placements.ts";
import { groupId } from "./scalars.ts";
import { inBytes, list, message, required } from "./structure.ts";
import { wireLimits } from "./wire-limits.ts";

const { itemsMax, rowBytesMax } = wireLimits;

export const reservation = message<Reservation, typeof wire.ReservationSchema>(wire.ReservationSchema, {
  group: groupId,
  incarnation,
  epoch,
  demand: required(amounts),
  sameNode: list(groupId, itemsMax),
  differentNode: list(groupId, itemsMax),
});

/** Its epoch has begun on the node that keeps the row. */
interface AllocationRecord {
  readonly reservation: Reservation;
}

interface LedgerMark {
  /** The start in which the ledger came to know of everything that runs on the node. */
  readonly boot: BootNumber;
}

export const { encode: encodeAllocationRecord, decode: decodeAllocationRecord } = inBytes(
  wire.AllocationRecordSchema,
  message<AllocationRecord, typeof wire.AllocationRecordSchema>(wire.AllocationRecordSchema, {
    reservation: required(reservation),
  }),
  rowBytesMax,
);

export const { encode: encodeLedgerMark, decode: decodeLedgerMark } = inBytes(
  wire.LedgerMarkSchema,
  message<LedgerMark, typeof wire.LedgerMarkSchema>(wire.LedgerMarkSchema, { boot }),
  rowBytesMax,
);
