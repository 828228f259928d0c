// Checks a request against the limits before anything else happens: the answer names the field, the value and the limit.

import type { Failure } from "../../proto/errors.ts";
import { clusterGroup, type GroupId, isName, nameRule } from "../../proto/ids.ts";
import { reasonCharsMax } from "../../proto/model.ts";
import type { Fence, Request } from "../../proto/requests.ts";
import { checkKey, checkLimit, checkSize, checkSpan, checkText, wrong } from "./checks.ts";
import { limits } from "./limits.ts";
import { validateTransaction } from "./validate-transaction.ts";

interface TtlBounds {
  readonly min: number;
  readonly max: number;
}

const leaseTtl: TtlBounds = { min: limits.leaseTtlMsMin, max: limits.leaseTtlMsMax };
const sessionTtl: TtlBounds = { min: limits.sessionTtlMsMin, max: limits.sessionTtlMsMax };

/** @returns null when the request may be carried out */
export function validateRequest(request: Request): Failure | null {
  if ("group" in request && !isName(request.group)) return wrong("group", `"${request.group}" is not a group name`);
  if (isOfKeys(request)) return wrong("group", 'The group "cluster" is the system group; it holds no keys');
  if ("node" in request && !isName(request.node)) return wrong("node", `"${request.node}" is not a node name`);
  switch (request.type) {
    case "get":
      return checkKey("key", request.key);
    case "put":
      return (
        checkKey("key", request.key) ??
        checkSize("value", request.value, limits.valueBytesMax) ??
        checkFence(request.group, request.fence)
      );
    case "list":
      return checkSpan(request.span) ?? checkLimit(request.limit, limits.listRowsMax);
    case "delete":
      return checkSpan(request.span) ?? checkFence(request.group, request.fence);
    case "transact":
      return validateTransaction(request);
    case "watch":
      return checkSpan(request.span);
    case "grantLease":
      return checkLeaseId(request.id ?? 1) ?? checkTtl(request.ttlMs, leaseTtl);
    case "keepAliveLease":
    case "revokeLease":
    case "getLease":
      return checkLeaseId(request.id);
    case "listLeases":
      return checkLimit(request.limit, limits.pageKeysMax);
    case "clusterEvents":
      return checkLimit(request.limit, limits.listRowsMax);
    case "createGroup":
    case "setOwners":
      return checkGroup(request.group, request.owners);
    case "drainNode":
    case "intendNode":
      return checkReason(request.reason);
    case "recoverGroup":
      return checkRecovery(request);
    case "recoverCluster":
      return checkFrom(request) ?? checkVoters(request);
    case "identified":
      return checkIdentity(request) ?? validateRequest(request.request);
    case "openSession":
      return checkSession("session", request.session) ?? checkTtl(request.ttlMs, sessionTtl);
    case "closeSession":
      return checkSession("session", request.session);
    case "configure":
      return checkSize("config", request.config, limits.configBytesMax);
    default:
      return null;
  }
}

function checkLeaseId(id: number): Failure | null {
  if (Number.isSafeInteger(id) && id >= 1) return null;
  return wrong("id", `The id of the lease is ${id}, it must be from 1 to ${Number.MAX_SAFE_INTEGER}`);
}

function checkTtl(ttlMs: number, { min, max }: TtlBounds): Failure | null {
  if (Number.isInteger(ttlMs) && ttlMs >= min && ttlMs <= max) return null;
  return wrong("ttl_ms", `The ttl_ms is ${ttlMs} ms, it must be from ${min} to ${max}`);
}

const ofAllGroups: ReadonlySet<Request["type"]> = new Set([
  "groupStatus",
  "createGroup",
  "recoverGroup",
  "replicaStatus",
]);

/** What resource groups alone can answer, asked of the system group. */
function isOfKeys(request: Request): boolean {
  const isOfAll = ofAllGroups.has(request.type);
  return "group" in request && request.group === clusterGroup && !isOfAll;
}

/** A group knows no epoch but its own. */
function checkFence(group: GroupId, fence: Fence | null): Failure | null {
  if (fence === null || fence.group === group) return null;
  return wrong("fence.group", `The fencing token is of group ${fence.group}, the write is to ${group}`);
}

function checkIdentity({ group, identity, request }: Request & { readonly type: "identified" }): Failure | null {
  const { session, sequence } = identity;
  if (request.group !== group) return wrong("group", `The request in it is to ${request.group}, not to ${group}`);
  if (sequence >= 1) return checkSession("request_id.session", session);
  return wrong("request_id.sequence", "The request_id.sequence is 0, the least is 1");
}

function checkSession(field: string, session: string | null): Failure | null {
  if (session === null || isName(session)) return null;
  return wrong(field, `The ${field} ${JSON.stringify(session)} is no session's name: ${nameRule}`);
}

function checkFrom({ from, reason }: { readonly from: string; readonly reason: string }): Failure | null {
  return isName(from) ? checkReason(reason) : wrong("from", `"${from}" is not a node name`);
}

function checkReason(reason: string): Failure | null {
  return checkText("why", reason, reasonCharsMax);
}

function checkVoters({ from, voters }: Request & { readonly type: "recoverCluster" }): Failure | null {
  if (voters.length === 0) return null;
  if (!voters.includes(from)) {
    return wrong("voters", `The voters must have ${from} among them, which the cluster database goes on from`);
  }
  if (voters.length % 2 === 0) return wrong("voters", `The voters are ${voters.length}, they must be odd in number`);
  const bad = voters.find((voter) => !isName(voter));
  if (bad !== undefined) return wrong("voters", `"${bad}" is not a node name`);
  const repeated = voters.find((voter, position) => voters.indexOf(voter) !== position);
  return repeated === undefined ? null : wrong("voters", `The voter ${repeated} is named more than once`);
}

function checkRecovery(request: Request & { readonly type: "recoverGroup" }): Failure | null {
  const { group, from, owners } = request;
  if (group === clusterGroup) return wrong("group", 'The group "cluster" is the system group, it is recovered apart');
  const early = checkFrom(request);
  if (early !== null) return early;
  if (owners.length === 0) return null;
  if (!owners.includes(from))
    return wrong("owners", `The owners must have ${from} among them, which the group goes on from`);
  return checkOwners(owners);
}

/** The owner list of a new group, by itself: whether the owners exist is for the cluster database to say. */
function checkGroup(group: string, owners: readonly string[]): Failure | null {
  if (group === clusterGroup) return wrong("group", 'The name "cluster" is the system group\'s');
  if (owners.length < 2) return wrong("owners", `The group has ${owners.length} owners, it needs at least 2`);
  return checkOwners(owners);
}

function checkOwners(owners: readonly string[]): Failure | null {
  if (owners.length > limits.ownersMax) {
    return wrong("owners", `The group has ${owners.length} owners, limit ${limits.ownersMax}`);
  }
  const bad = owners.find((owner) => !isName(owner));
  if (bad !== undefined) return wrong("owners", `"${bad}" is not a node name`);
  const repeated = owners.find((owner, position) => owners.indexOf(owner) !== position);
  return repeated === undefined ? null : wrong("owners", `The owner ${repeated} is named more than once`);
}
