// node.yaml: what one node is started with. Everything but the name has a default; an environment variable wins over the
// file, so that one file serves a fleet. Paths are relative to the file.
//
//   node: n208                       its name in the bootstrap file
//   bootstrap: cluster.yaml          default
//   dataDir: data                    default
//   keyFile: node.key                default; made by `bailiwick node init`
//   listen:                          default: the addresses of the bootstrap file
//     peer: 127.0.0.1:7502
//     api: 127.0.0.1:7402
//   logLevel: info                   default; debug info warn error silent
//   diskFreeBytesMin: 134217728      default; below so many free bytes on its disk it takes no writes; 0: always
//   groupsBytesMax: 4294967296       default; keys, values and history of all its groups together; beyond it no group grows
//   insecure: false                  default; true: listen beyond loopback although nothing is encrypted there

import { dirname, resolve } from "node:path";
import { z } from "zod";
import { closestName } from "../../proto/closest-name.ts";
import { DbError, failure } from "../../proto/errors.ts";
import { isName, type NodeId, nameRule, toNodeId } from "../../proto/ids.ts";
import type { NodeRecord } from "../../proto/model.ts";
import { limits } from "../node/limits.ts";
import { type Address, isLoopback, parseAddress, textOfAddress } from "./address.ts";
import { type Bootstrap, parseBootstrap } from "./bootstrap.ts";
import { readTextFile } from "./read-file.ts";
import { checkShape } from "./shapes.ts";
import { YamlSource } from "./yaml-source.ts";

const logLevels = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

/** What `serve` needs to know; frozen. */
export interface NodeConfig {
  readonly node: NodeId;
  /** What the bootstrap says of this node. */
  readonly record: NodeRecord;
  readonly bootstrap: Bootstrap;
  readonly bootstrapFile: string;
  readonly dataDirectory: string;
  readonly keyFile: string;
  readonly listen: { readonly peer: Address; readonly api: Address };
  readonly logLevel: LogLevel;
  /** Low watermark of the data directory's disk. */
  readonly diskFreeBytesMin: number;
  /** Most that all groups together hold in memory. */
  readonly groupsBytesMax: number;
}

export interface NodeConfigSource {
  /** Path of node.yaml. */
  readonly file: string;
  /** `BAILIWICK_DATA_DIR`, `BAILIWICK_KEY_FILE`, `BAILIWICK_BOOTSTRAP`, `BAILIWICK_LISTEN_PEER`, `BAILIWICK_LISTEN_API`, `BAILIWICK_LOG_LEVEL`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** `--insecure` was given. */
  readonly insecure: boolean;
}

const text = z.string().min(1, { error: "must not be empty" });
const address = z.string().refine((one) => parseAddress(one) !== null, { error: "must be host:port" });
const logLevel = z.enum(logLevels, { error: `must be one of ${logLevels.join(" ")}` });

const shape = z.strictObject({
  node: z.string().refine(isName, { error: `must be ${nameRule}` }),
  bootstrap: text.default("cluster.yaml"),
  dataDir: text.default("data"),
  keyFile: text.default("node.key"),
  listen: z.strictObject({ peer: address.optional(), api: address.optional() }).default({}),
  logLevel: logLevel.default("info"),
  diskFreeBytesMin: z
    .int({ error: "must be a whole number of bytes, 0 or more" })
    .min(0)
    .default(limits.diskFreeBytesMin),
  groupsBytesMax: z
    .int({ error: "must be a whole number of bytes, 1048576 or more" })
    .min(1_048_576, { error: "must be a whole number of bytes, 1048576 or more" })
    .default(limits.groupsBytesMax),
  insecure: z.boolean().default(false),
});

const environmentShape = z.object({
  BAILIWICK_BOOTSTRAP: text.optional(),
  BAILIWICK_DATA_DIR: text.optional(),
  BAILIWICK_KEY_FILE: text.optional(),
  BAILIWICK_LISTEN_PEER: address.optional(),
  BAILIWICK_LISTEN_API: address.optional(),
  BAILIWICK_LOG_LEVEL: logLevel.optional(),
});

/**
 * Reads node.yaml and the bootstrap that it names.
 *
 * @throws {DbError} `not_found` without a file; `invalid_argument` for what is wrong in one, for a node that the bootstrap does
 *   not list, and for an address that other machines can reach without `--insecure` (H6)
 */
export async function loadNodeConfig(from: NodeConfigSource): Promise<NodeConfig> {
  const source = YamlSource.parse(from.file, await readTextFile(from.file));
  const content = checkShape(source, shape);
  const environment = checkEnvironment(from.environment);
  const base = dirname(resolve(from.file));
  const bootstrapFile = fromBase(base, content.bootstrap, environment.BAILIWICK_BOOTSTRAP);
  const bootstrap = parseBootstrap(bootstrapFile, await readTextFile(bootstrapFile));
  const record = findRecord(source, content.node, { bootstrap, bootstrapFile });
  const listen = {
    peer: mustParse(environment.BAILIWICK_LISTEN_PEER ?? content.listen.peer ?? record.peerAddress),
    api: mustParse(environment.BAILIWICK_LISTEN_API ?? content.listen.api ?? record.apiAddress),
  };
  if (!content.insecure && !from.insecure) refuseExposed(from.file, listen);
  return Object.freeze({
    node: toNodeId(content.node),
    record,
    bootstrap,
    bootstrapFile,
    dataDirectory: fromBase(base, content.dataDir, environment.BAILIWICK_DATA_DIR),
    keyFile: fromBase(base, content.keyFile, environment.BAILIWICK_KEY_FILE),
    listen: Object.freeze(listen),
    logLevel: environment.BAILIWICK_LOG_LEVEL ?? content.logLevel,
    diskFreeBytesMin: content.diskFreeBytesMin,
    groupsBytesMax: content.groupsBytesMax,
  });
}

/** A path of the environment is relative to the working directory, as its giver sees it. */
function fromBase(base: string, inFile: string, inEnvironment: string | undefined): string {
  return inEnvironment === undefined ? resolve(base, inFile) : resolve(inEnvironment);
}

function checkEnvironment(environment: NodeConfigSource["environment"]): z.output<typeof environmentShape> {
  const parsed = environmentShape.safeParse(environment);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const name = String(issue?.path[0]);
  throw new DbError(
    failure("invalid_argument", `Environment variable ${name} is "${environment[name]}", it ${issue?.message}`, {
      field: name,
    }),
  );
}

function findRecord(
  source: YamlSource,
  node: string,
  { bootstrap, bootstrapFile }: { readonly bootstrap: Bootstrap; readonly bootstrapFile: string },
): NodeRecord {
  const record = bootstrap.nodes.find((one) => one.node === node);
  if (record !== undefined) return record;
  const names = bootstrap.nodes.map((one) => one.node as string);
  const meant = closestName(node, names);
  const hint = meant === null ? `; it lists ${names.slice(0, 12).join(" ")}` : `; did you mean "${meant}"?`;
  throw source.problem(["node"], `Node "${node}" is not in ${bootstrapFile}${hint}`);
}

function refuseExposed(file: string, listen: { readonly peer: Address; readonly api: Address }): void {
  for (const [field, one] of Object.entries(listen)) {
    if (isLoopback(one.host)) continue;
    const message =
      `${file}: ${field} would listen on ${textOfAddress(one)}, which other machines can reach, without protection; ` +
      "give --insecure if that is wanted, or listen on 127.0.0.1";
    throw new DbError(failure("invalid_argument", message, { field: `listen.${field}` }));
  }
}

/** Of a text that the shapes have accepted. */
function mustParse(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed !== null) return parsed;
  throw new DbError(failure("invalid_argument", `"${text}" is not host:port`));
}
