// cluster.yaml, in the shape of `bailiwick.v1.ClusterConfig`: read, checked by itself, and kept as it was written. Addresses
// and identities may still be missing here; `dev` fills them in, a bootstrap (bootstrap.ts) insists on them.

import { z } from "zod";
import { meantName } from "../../proto/closest-name.ts";
import { decodeGroupPolicies } from "../../proto/codec/group-policies.ts";
import { dimensionRule, isDimension, policyBounds } from "../../proto/codec/policy-bounds.ts";
import type { ConfiguredGroup } from "../../proto/codec/policy-problems.ts";
import { encodeGroupConfig } from "../../proto/group-config.ts";
import { clusterGroup, isName, nameRule, toNodeId } from "../../proto/ids.ts";
import { limits } from "../node/limits.ts";
import { usualReplacement, type VoterReplacement } from "../node/voter-replacement.ts";
import { parseAddress } from "./address.ts";
import { checkRelations } from "./group-relations.ts";
import { checkShape, type UnusedKeys } from "./shapes.ts";
import type { FieldPath, YamlSource } from "./yaml-source.ts";

const name = z.string().refine(isName, { error: `must be ${nameRule}` });
const address = z.string().refine((text) => (parseAddress(text)?.port ?? 0) > 0, {
  error: "must be host:port with a port from 1 to 65535",
});
const identity = z.string().regex(/^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/, {
  error: "must be an identity as `bailiwick node init` prints it",
});
const labelWord = z.string().min(1, { error: "must not be empty" }).max(63, { error: "is longer than 63 characters" });

/** In percent. Less than the least is no bound that the clocks of real machines keep under every load. */
const clockError = { least: 5, most: 50 } as const;

const capacity = z
  .record(
    z.string(),
    z.number().refine((amount) => Number.isSafeInteger(amount) && amount >= 0, {
      error: `must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`,
    }),
  )
  .refine((amounts) => Object.keys(amounts).length <= policyBounds.dimensionsMax, {
    error: `must hold at most ${policyBounds.dimensionsMax} dimensions`,
  })
  .refine((amounts) => Object.keys(amounts).every(isDimension), {
    error: `must have names of ${dimensionRule}`,
  });

const node = z.strictObject({
  name,
  identity: identity.optional(),
  peerAddresses: z.array(address).length(1, { error: "must hold exactly one address" }).optional(),
  apiAddress: address.optional(),
  labels: z
    .record(labelWord, labelWord)
    .refine((labels) => Object.keys(labels).length <= 32, { error: "must hold at most 32 labels" })
    .default({}),
  capacity: capacity.default({}),
});

const group = z.strictObject({
  name,
  owners: z
    .array(name)
    .min(2, { error: "must hold at least 2 nodes" })
    .max(limits.ownersMax, { error: `must hold at most ${limits.ownersMax} nodes` }),
  config: z.record(z.string(), z.unknown()).default({}),
});

/** A reboot of a large machine takes minutes. */
const voterSilenceMs = { least: 10_000, most: 86_400_000 } as const;

function isVoterSilence(ms: number): boolean {
  return ms === 0 || (Number.isInteger(ms) && ms >= voterSilenceMs.least && ms <= voterSilenceMs.most);
}

const settings = z.strictObject({
  voters: z.union([z.literal(1), z.literal(3), z.literal(5)], { error: "must be 1, 3 or 5" }).optional(),
  voterCandidates: z.array(name).default([]),
  replaceVoterAfterMs: z
    .number()
    .refine(isVoterSilence, {
      error: `must be a whole number from ${voterSilenceMs.least} to ${voterSilenceMs.most}, or 0: never`,
    })
    .optional(),
  leaseReads: z
    .strictObject({
      clockRateErrorPercent: z
        .number()
        .refine((percent) => Number.isInteger(percent) && percent >= clockError.least && percent <= clockError.most, {
          error: `must be a whole number from ${clockError.least} to ${clockError.most}`,
        }),
    })
    .optional(),
});

const shape = z.strictObject({
  name,
  nodes: z
    .array(node)
    .min(2, { error: "must hold at least 2 nodes" })
    .max(4096, { error: "must hold at most 4096 nodes" }),
  groups: z.array(group).max(16_384, { error: "must hold at most 16384 groups" }).default([]),
  settings: settings.default({ voterCandidates: [] }),
});

export type ClusterFile = z.output<typeof shape>;
export type FileNode = ClusterFile["nodes"][number];
export type FileGroup = ClusterFile["groups"][number];

const notYet = "several networks come with recovery";
const unused: UnusedKeys = {
  cluster: "the name of the cluster is `name`",
  networks: notYet,
  hooks: "hooks come with reconfiguration",
  access: "roles come with mutual TLS",
  "nodes.adapters": notYet,
  "nodes.peer": "write `peerAddresses: [host:port]`",
  "nodes.api": "write `apiAddress: host:port`",
  "nodes.witnessOnly": "witnesses come with quorum policies",
  "settings.beatIntervalMs": "the interval is fixed",
  "settings.downAfterMs": "the time is fixed",
  "settings.featureLevelMax": "there is one feature level",
};

/**
 * @throws {DbError} `invalid_argument` with file, line, column and field: a key that is not known, a bad name or address,
 *   a name used twice, an owner that is no node or is named twice, a config object that is none or does not fit the others
 */
export function readClusterFile(source: YamlSource): ClusterFile {
  const file = checkShape(source, shape, unused);
  refuseRepeated(source, { list: "nodes", names: file.nodes.map((one) => one.name) });
  refuseRepeated(source, { list: "groups", names: file.groups.map((one) => one.name) });
  const nodes = new Set(file.nodes.map((one) => one.name));
  const groups = file.groups.map((one, position) => {
    const config = checkGroup(source, { group: one, position, nodes });
    return { name: one.name, owners: one.owners, rules: decodeGroupPolicies(config) };
  });
  checkRelations(source, groups);
  checkVoters(source, file, nodes);
  return file;
}

/** The bytes of a group's config object. @throws {DbError} as {@link readClusterFile} */
export function configOf(
  source: YamlSource,
  { config, name, owners }: FileGroup,
  { position, nodes }: { readonly position: number; readonly nodes?: ReadonlySet<string> },
): Uint8Array {
  const path = ["groups", position, "config"];
  const bytes = encodedConfig(source, path, { config, of: { group: name, owners, nodes: nodes && [...nodes] } });
  if (bytes.byteLength <= limits.configBytesMax) return bytes;
  throw source.problem(path, `Config of group "${name}" has ${bytes.byteLength} bytes, limit ${limits.configBytesMax}`);
}

export function leaseReadOf({ settings }: ClusterFile): { readonly clockRateErrorMax: number } | null {
  const { leaseReads } = settings;
  return leaseReads === undefined ? null : { clockRateErrorMax: leaseReads.clockRateErrorPercent / 100 };
}

export function voterReplacementOf({ settings }: ClusterFile): VoterReplacement {
  const { replaceVoterAfterMs: afterMs = usualReplacement.afterMs, voterCandidates } = settings;
  return { afterMs: afterMs === 0 ? null : afterMs, candidates: voterCandidates.map(toNodeId) };
}

function encodedConfig(
  source: YamlSource,
  path: FieldPath,
  { config, of }: { readonly config: unknown; readonly of: ConfiguredGroup },
): Uint8Array {
  try {
    return encodeGroupConfig(config, of);
  } catch (reason) {
    throw configProblem(source, path, reason);
  }
}

function checkGroup(
  source: YamlSource,
  {
    group,
    position,
    nodes,
  }: { readonly group: FileGroup; readonly position: number; readonly nodes: ReadonlySet<string> },
): Uint8Array {
  const path = ["groups", position];
  if (group.name === clusterGroup) {
    throw source.problem([...path, "name"], `Group name "${clusterGroup}" is the system group's`);
  }
  group.owners.forEach((owner, at) => {
    const first = group.owners.indexOf(owner);
    const ownerPath = [...path, "owners", at];
    refuseUnknownNode(source, { path: ownerPath, node: owner, nodes, as: `Owner of group "${group.name}"` });
    if (first !== at) throw source.problem(ownerPath, `Owner "${owner}" of group "${group.name}" is named twice`);
  });
  return configOf(source, group, { position, nodes });
}

function checkVoters(source: YamlSource, { settings }: ClusterFile, nodes: ReadonlySet<string>): void {
  const path = ["settings", "voterCandidates"];
  settings.voterCandidates.forEach((node, at) => {
    refuseUnknownNode(source, { path: [...path, at], node, nodes, as: "Voter candidate" });
    if (settings.voterCandidates.indexOf(node) !== at) {
      throw source.problem([...path, at], `Voter candidate "${node}" is named twice`);
    }
  });
  const candidates = settings.voterCandidates.length || nodes.size;
  if ((settings.voters ?? 1) <= candidates) return;
  throw source.problem(["settings", "voters"], `${settings.voters} voters cannot be chosen from ${candidates} nodes`);
}

function refuseUnknownNode(
  source: YamlSource,
  { path, node, nodes, as }: { path: FieldPath; node: string; nodes: ReadonlySet<string>; as: string },
): void {
  if (nodes.has(node)) return;
  throw source.problem(path, `${as}, "${node}", is not a node of this cluster${meantName(node, [...nodes])}`);
}

function refuseRepeated(
  source: YamlSource,
  { list, names }: { readonly list: "nodes" | "groups"; readonly names: readonly string[] },
): void {
  const seen = new Set<string>();
  names.forEach((one, position) => {
    if (seen.has(one)) {
      throw source.problem([list, position, "name"], `There are two ${list} of the name "${one}"`);
    }
    seen.add(one);
  });
}

/** The protobuf runtime names the message and the field; where they stand is found by name. Our own checks begin with the path. */
function configProblem(source: YamlSource, path: FieldPath, reason: unknown): Error {
  const message = reason instanceof Error ? reason.message : String(reason);
  const text = message.replaceAll("bailiwick.v1.", "").replace(/^cannot decode /, "");
  const key = /key "([^"]+)" is unknown/.exec(message)?.[1];
  if (key !== undefined)
    return source.problemWithKey(source.findKey(path, key), `Unknown key "${key}" in config: ${text}`);
  const field = /cannot decode field \S*\.(\w+) from JSON/.exec(message)?.[1];
  const named = field?.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
  const at = named === undefined ? pathIn(source, path, message) : source.findKey(path, named);
  return source.problem(at, `Config is refused: ${text}`);
}

/** For example `resources[2].run.exec.start[0] is "sh", ...`. */
function pathIn(source: YamlSource, path: FieldPath, message: string): FieldPath {
  const [keys = ""] = /^\w+(?:\.[\w-]+|\[\d+\])*(?= )/.exec(message) ?? [];
  const below = keys.split(/[.[\]]+/).filter((key) => key !== "");
  if (source.valueAt([...path, below[0] ?? ""]) === undefined) return path;
  return [...path, ...below.map((key) => (/^\d+$/.test(key) ? Number(key) : key))];
}
