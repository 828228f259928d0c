// MaintenanceService: state hashes and versions.

import { create } from "@bufbuild/protobuf";
import { logIndex, uint64 } from "../../../proto/codec/integers.ts";
import * as wire from "../../../proto/gen/bailiwick/v1/maintenance_pb.ts";
import type { CallContext } from "../call-context.ts";
import { readField, readGroup, unimplemented } from "../convert/fields.ts";
import { toNodeHeader, toStatusHeader } from "../convert/headers.ts";
import { defineService } from "../service.ts";

export const maintenanceService = defineService(
  wire.MaintenanceService,
  { getStateHash, getVersion },
  { saveSnapshot: "backup and recovery", restoreSnapshot: "backup and recovery" },
);

const apiVersion = "bailiwick.v1";
const featureLevel = 1;

/**
 * Where the manager answers, what its last comparison of the owners has brought; else the hash of the one owner that does,
 * with the others named as not having answered.
 */
async function getStateHash(
  request: wire.GetStateHashRequest,
  context: CallContext,
): Promise<wire.GetStateHashResponse> {
  const group = readGroup(request.group);
  if (readField(logIndex, request.index, "index") !== 0) {
    throw unimplemented("index", "the comparison of replicas at a chosen index");
  }
  const { status } = await context.ask({ type: "groupStatus", group });
  const own = { index: status.applied, hashes: [{ node: status.node, hash: status.stateHash }] };
  const { index, hashes } = status.compared ?? own;
  return create(wire.GetStateHashResponseSchema, {
    header: toStatusHeader(context.self, status),
    index: uint64.toWire(index, "index"),
    hashes: hashes.map(({ node, hash }) => ({ node, hash })),
    equal: new Set(hashes.map(({ hash }) => hash)).size === 1,
    unreachable: status.object.owners.filter((owner) => !hashes.some(({ node }) => node === owner)),
  });
}

async function getVersion(_: wire.GetVersionRequest, { self }: CallContext): Promise<wire.GetVersionResponse> {
  return create(wire.GetVersionResponseSchema, {
    header: toNodeHeader(self),
    version: self.version,
    api: apiVersion,
    runtime: self.runtime,
    featureLevelMax: featureLevel,
    featureLevel,
    diskFormat: self.diskFormat,
  });
}
