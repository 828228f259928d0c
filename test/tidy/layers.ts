// The import table of ARCHITECTURE.md as data, and its check. A new edge here is a commit of its own, with its reason there.

import { type ImportEdge, importsOf } from "./imports.ts";
import { type Check, isGenerated, isRelative, resolveFrom, type Source, type Violation, violation } from "./source.ts";

const coreNames = "raft|txn|lease|watch|sphere|recovery|reconfiguration";
/** Files that run without clock, chance and input or output: the cores, and the node made of them. */
export const purePattern = new RegExp(`^server/(?:${coreNames}|node)/`);

/** Zones in the order in which a path is looked up: the first pattern that matches names its zone. */
const zones = {
  "proto/gen": /^proto\/gen\//,
  proto: /^proto\//,
  "storage/mvcc": /^storage\/mvcc\//,
  storage: /^storage\//,
  core: new RegExp(`^server/(?:${coreNames})/`),
  node: /^server\/node\//,
  adapters: /^server\/adapters\//,
  api: /^server\/api\//,
  simulation: /^server\/simulation\//,
  config: /^server\/config/,
  main: /^server\//,
  "client/agent": /^client\/agent\//,
  client: /^client\//,
  test: /^test\//,
  bench: /^bench\//,
} as const;

type Zone = keyof typeof zones;

/** From a zone to the zones it may import beside itself. A core is one folder: another core is another zone to it. */
const mayImport: Readonly<Record<Zone, readonly Zone[]>> = {
  "proto/gen": [],
  proto: ["proto/gen"],
  "storage/mvcc": ["proto", "storage"],
  storage: ["proto", "storage/mvcc"],
  core: ["proto"],
  node: ["proto", "storage", "storage/mvcc", "core"],
  adapters: ["proto", "proto/gen", "storage", "node"],
  api: ["proto", "proto/gen", "storage", "node"],
  simulation: ["proto", "storage", "node"],
  config: ["proto", "node"],
  main: ["proto", "proto/gen", "storage", "storage/mvcc", "core", "node", "adapters", "api", "config", "client"],
  "client/agent": ["proto", "proto/gen", "client"],
  client: ["proto", "proto/gen", "client/agent"],
  test: Object.keys(zones) as Zone[],
  bench: Object.keys(zones) as Zone[],
};

/** Edges that the table allows for some files of a zone only. */
const exceptions: readonly { readonly from: RegExp; readonly to: RegExp }[] = [
  // txn, lease and watch work on versions, and compare bytes as those are ordered.
  { from: /^server\/(?:txn|lease|watch)\//, to: /^storage\/(?:mvcc\/|bytes\.ts$)/ },
  // First voters and those that take the place of one are chosen by one rule.
  { from: /^server\/config\/voters\.ts$/, to: /^server\/recovery\/voter-choice\.ts$/ },
  // The simulator ships with the product; only its own command reaches it.
  { from: /^server\/(?:main|.*simulate[^/]*)\.ts$/, to: /^server\/simulation\// },
];

/** Outside libraries and the files that may import them. A specifier that no row matches is refused. */
const outside: readonly { readonly specifier: RegExp; readonly from: RegExp; readonly instead: string }[] = [
  {
    specifier: /^level$|^classic-level$|^abstract-level$/,
    from: /^storage\/level-store\.ts$/,
    instead: "OrderedStore",
  },
  {
    specifier: /^@bufbuild\/protobuf(?:\/|$)/,
    from: /^proto\/|^server\/api\/|^client\//,
    instead: "domain types, and the codecs in proto",
  },
  {
    specifier: /^@grpc\/|^grpc-health-check$/,
    from: /^server\/api\/|^server\/adapters\/[^/]*grpc[^/]*\.ts$|^client\/|^proto\/grpc[^/]*\.ts$/,
    instead: "a port of server/node, or the client library",
  },
  {
    specifier: /^libp2p$|^@libp2p\/|^@chainsafe\/|^@multiformats\//,
    from: /^server\/adapters\//,
    instead: "the transport port of server/node",
  },
  {
    specifier: /^yaml$|^zod$/,
    from: /^server\/config|^client\//,
    instead: "a value that server/config*.ts has checked",
  },
  {
    specifier: /^commander$|^cli-table3$|^picocolors$/,
    from: /^client\/cli\/|^server\/[^/]*\.ts$|^server\/commands\//,
    instead: "plain values, and let the command print them",
  },
  { specifier: /^pino$/, from: /^server\/adapters\/|^server\/[^/]*\.ts$/, instead: "the log port of server/node" },
  {
    specifier: /^node:(?:fs|fs\/promises|path|zlib|crypto|buffer|os)$/,
    // A simulation hashes megabytes of effects and entries.
    from: /^storage\/[^/]*\.ts$|^server\/simulation\/(?:audit|checkers\/replica-mirror)\.ts$/,
    instead: "the storage ports: storage/mvcc works in memory",
  },
  {
    specifier: /^node:/,
    from: /^server\/(?:adapters|api|commands|dev|inspect|tour)\/|^server\/config|^server\/[^/]*\.ts$|^client\//,
    instead: "a port: cores, node, proto and the simulation do no input or output",
  },
];

export const checkImportTable: Check = (sources) =>
  sources.flatMap((source) => importsOf(source).flatMap((edge) => judge(source, edge)));

function judge(source: Source, edge: ImportEdge): Violation[] {
  const refusal = isRelative(edge.specifier) ? refuseInside(source.path, edge) : refuseOutside(source.path, edge);
  return refusal === null ? [] : [violation(source, edge.node, refusal)];
}

function refuseInside(from: string, edge: ImportEdge): string | null {
  const to = resolveFrom(from, edge.specifier);
  const fromZone = zoneOf(from);
  const toZone = zoneOf(to);
  if (fromZone === null || toZone === null) return `imports ${to}, which is in no zone; see test/tidy/layers.ts`;
  if (!isGenerated(to) && !to.endsWith(".ts")) return `imports ${to}; name the .ts file`;
  if (exceptions.some((exception) => exception.from.test(from) && exception.to.test(to))) return null;
  const isOneFolder = fromZone === toZone && (fromZone !== "core" || coreOf(from) === coreOf(to));
  if (isOneFolder || mayImport[fromZone].includes(toZone)) {
    return fromZone === toZone && !isOneFolder ? `imports another core, ${to}; let server/node pass the value` : null;
  }
  const allowed = [fromZone, ...mayImport[fromZone]].join(", ");
  return `${fromZone} imports ${to}; it may import ${allowed}: pass a value or put the shared type in proto`;
}

function refuseOutside(from: string, edge: ImportEdge): string | null {
  if (from.startsWith("test/") || from.startsWith("bench/")) return null;
  const rows = outside.filter((row) => row.specifier.test(edge.specifier));
  const last = rows.at(-1);
  if (last === undefined) return `imports ${edge.specifier}, which is not in the table of test/tidy/layers.ts`;
  if (rows.some((row) => row.from.test(from))) return null;
  return `imports ${edge.specifier}; use ${rows[0]?.instead ?? last.instead}`;
}

function coreOf(path: string): string {
  return path.split("/").slice(0, 2).join("/");
}

function zoneOf(path: string): Zone | null {
  const names = Object.keys(zones) as Zone[];
  return names.find((name) => zones[name].test(path)) ?? null;
}
