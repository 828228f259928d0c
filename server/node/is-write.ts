// Which requests may change something: they are not repeated when it is not known what became of them.

import { plainRequest, type Request } from "../../proto/requests.ts";
import { isReadOnly } from "../../proto/transactions.ts";

export function isWrite(any: Request): boolean {
  const request = plainRequest(any);
  if (request.type === "transact") return !request.parts.every(isReadOnly);
  if (request.type === "setOwners" || request.type === "wish") return !request.validateOnly;
  return writes.has(request.type);
}

const writes: ReadonlySet<Request["type"]> = new Set([
  "put",
  "delete",
  "compact",
  "configure",
  "prepare",
  "finish",
  "grantLease",
  "revokeLease",
  "createGroup",
  "refoundGroup",
  "refoundCluster",
  "intendNode",
  "openSession",
  "closeSession",
]);
