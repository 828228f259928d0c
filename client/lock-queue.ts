// Who waits for a lock, and who has it: keys `<name>/<lease id in hexadecimal>`, each attached to that lease. The one that
// was created first holds the lock. The recipe is etcd's (clientv3/concurrency).

import { DbError, failure } from "../proto/errors.ts";
import type { KeyValue } from "../proto/model.ts";
import type { Caller, RequestOptions } from "./caller.ts";
import { list } from "./key-value-calls.ts";

export interface QueueName {
  readonly group: string;
  /** Of the lock or election: what its keys begin with. */
  readonly name: string;
}

/** A place in the queue. */
export interface Place {
  readonly key: string;
  /** Order in the queue, and the fencing token of who is first. */
  readonly token: number;
  readonly keyValue: KeyValue;
}

export interface Queue {
  /** As of which it is. */
  readonly revision: number;
  /** In order. */
  readonly places: readonly Place[];
}

/** @throws {DbError} `invalid_argument` for a name that is empty */
export function checkName(name: string): void {
  if (name !== "") return;
  throw new DbError(failure("invalid_argument", "The name of a lock or election is empty", { field: "name" }));
}

export function keyOfPlace(name: string, lease: number): string {
  return `${name}/${lease.toString(16)}`;
}

/** All places at one revision, which every write acknowledged before is part of. */
export async function readQueue(
  caller: Caller,
  { group, name }: QueueName,
  options: RequestOptions & { readonly keysOnly?: boolean | undefined },
): Promise<Queue> {
  const places: Place[] = [];
  let revision = 0;
  const everyPlace = { group, keys: { prefix: `${name}/` } };
  for await (const { header, keyValues } of list(caller, everyPlace, { ...options, consistency: "linearizable" })) {
    revision ||= header.revision;
    places.push(...keyValues.flatMap((keyValue) => toPlace(name, keyValue) ?? []));
  }
  return { revision, places: inOrder(places) };
}

export function inOrder(places: Iterable<Place>): readonly Place[] {
  return [...places].sort((a, b) => a.token - b.token);
}

/** @returns null for keys of others, such as those of a lock named `<name>/x` */
export function toPlace(name: string, keyValue: KeyValue): Place | null {
  const key = new TextDecoder().decode(keyValue.key);
  const isPlace = keyValue.lease > 0 && key === keyOfPlace(name, keyValue.lease);
  return isPlace ? { key, token: keyValue.createRevision, keyValue } : null;
}
