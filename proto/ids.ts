// The branded identifiers and quantities of the whole system. A brand costs nothing at run time and keeps a term from
// being passed where a log index is meant.

declare const brand: unique symbol;
type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };

/** A node's name, for example `n208`: 1 to 63 of `a-z 0-9 -`, starting with a letter. */
export type NodeId = Brand<string, "NodeId">;
/** A resource group's name, for example `rg220`: as {@link NodeId}. `cluster` is the system group. */
export type GroupId = Brand<string, "GroupId">;
/** 1 or more; a group re-created under an old name has a higher one and is another group to everyone. */
export type Incarnation = Brand<number, "Incarnation">;
/**
 * Names one membership of a node in a group for ever: a node that left, or lost its data, comes back under a higher one.
 * 1 for the members with which a group begins.
 */
export type MemberId = Brand<number, "MemberId">;
/** Raft term; 0 before the first election. */
export type Term = Brand<number, "Term">;
/** Position in a group's log, counted from 1; 0 is "before the log". */
export type LogIndex = Brand<number, "LogIndex">;
/** Version of a group's keys; 1 is the empty store, each write transaction adds one (B4). */
export type Revision = Brand<number, "Revision">;
/** Ownership epoch of a group; grows with each new current owner. */
export type Epoch = Brand<number, "Epoch">;
/** Durable count of a node's starts, 1 at the first. */
export type BootNumber = Brand<number, "BootNumber">;
/** Milliseconds on the monotonic clock of one node; comparable only within one start of it. */
export type Millis = Brand<number, "Millis">;
/** Digest of the bootstrap file: 32 lower-case hexadecimal digits. */
export type ClusterId = Brand<string, "ClusterId">;

/** The system group that replicates the cluster database. */
export const clusterGroup = "cluster" as GroupId;

export const toTerm = (value: number): Term => value as Term;
export const toLogIndex = (value: number): LogIndex => value as LogIndex;
export const toRevision = (value: number): Revision => value as Revision;
export const toIncarnation = (value: number): Incarnation => value as Incarnation;
export const toMemberId = (value: number): MemberId => value as MemberId;
export const toEpoch = (value: number): Epoch => value as Epoch;
export const toBootNumber = (value: number): BootNumber => value as BootNumber;
export const toMillis = (value: number): Millis => value as Millis;
/** Trusts its argument: for names that were already validated or are written in a test. */
export const toNodeId = (name: string): NodeId => name as NodeId;
/** Trusts its argument: for names that were already validated or are written in a test. */
export const toGroupId = (name: string): GroupId => name as GroupId;
export const toClusterId = (digest: string): ClusterId => digest as ClusterId;

const namePattern = /^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** What {@link isName} demands, for people. */
export const nameRule = "1 to 63 of a-z 0-9 -, beginning with a letter, not ending with -";

/** Whether `name` may name a node or a group. */
export function isName(name: string): boolean {
  return namePattern.test(name);
}

/** Whether `name` may name a resource of a group. */
export function isResourceName(name: string): boolean {
  return /^[a-z0-9-]{1,63}$/.test(name);
}

/** Orders names as every output of the system does: by code unit, so that it is the same on all machines. */
export function compareNames(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
