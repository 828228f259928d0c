// Rules about the whole graph of files: no cycle, no file that nothing reaches, no export that nothing imports.

import ts from "typescript";
import { importsOf } from "./imports.ts";
import {
  type Check,
  isProduction,
  isRelative,
  resolveFrom,
  type Source,
  type Violation,
  violation,
  violationOfFile,
} from "./source.ts";

/** What people and programs start: everything in production is there because one of these needs it. */
const entryPoints = ["server/main.ts", "client/index.ts", "bench/main.ts"];

/** Exports that only tests use, each for a reason. */
const exportsForTests: ReadonlyMap<string, readonly string[]> = new Map([
  // Tests and scripts write names, terms and indexes as literals; production gets all of them from a codec or a core.
  [
    "proto/ids.ts",
    [
      "toTerm",
      "toLogIndex",
      "toRevision",
      "toIncarnation",
      "toEpoch",
      "toBootNumber",
      "toMillis",
      "toNodeId",
      "toGroupId",
      "toClusterId",
    ],
  ],
  // Pure rules and layouts that tests state by themselves, though production reaches them through another function.
  ["server/raft/quorum.ts", ["quorumSize"]],
  ["server/recovery/placement.ts", ["chooseOwner"]],
  ["storage/bytes.ts", ["uint64Max"]],
  ["storage/hard-state-file.ts", ["readHardState"]],
  ["storage/hard-state.ts", ["MemoryHardState"]],
  ["storage/keys.ts", ["slotRange", "logRange", "versionRange", "stateRange"]],
  ["proto/codec/records.ts", ["encodeOwnership", "decodeOwnership"]],
]);

/** The simulator is a program of the tests as long as no command of the product starts it. */
function isTestTool(path: string): boolean {
  return path.startsWith("server/simulation/");
}

export const checkCycles: Check = (sources) => {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const done = new Set<string>();
  const found: Violation[] = [];
  const visit = (source: Source, above: readonly string[]) => {
    if (done.has(source.path)) return;
    for (const edge of importsOf(source)) {
      const target = isRelative(edge.specifier) ? resolveFrom(source.path, edge.specifier) : "";
      const start = target === source.path ? above.length : above.indexOf(target);
      if (start >= 0) {
        const ring = [...above.slice(start), source.path, target].join(" -> ");
        found.push(violation(source, edge.node, `closes a cycle: ${ring}; move what both need into a third file`));
        continue;
      }
      const next = byPath.get(target);
      if (next !== undefined) visit(next, [...above, source.path]);
    }
    done.add(source.path);
  };
  for (const source of sources) visit(source, []);
  return found;
};

export const checkDeadFiles: Check = (sources) => {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  if (!entryPoints.some((path) => byPath.has(path))) return [];
  const live = reach(byPath, entryPoints);
  const paths = sources.map(({ path }) => path);
  const tested = reach(
    byPath,
    paths.filter((path) => path.startsWith("test/")),
  );
  const simulated = reach(
    byPath,
    paths.filter((path) => isTestTool(path) && tested.has(path)),
  );
  return sources
    .filter(({ path }) => isProduction(path) && !live.has(path) && !simulated.has(path))
    .map((source) => violationOfFile(source, `is reached from none of ${entryPoints.join(", ")}; use it or remove it`));
};

function reach(byPath: ReadonlyMap<string, Source>, starts: readonly string[]): Set<string> {
  const seen = new Set<string>();
  const waiting = [...starts];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const source = byPath.get(path);
    if (source === undefined || seen.has(path)) continue;
    seen.add(path);
    for (const { specifier } of importsOf(source)) {
      if (isRelative(specifier)) waiting.push(resolveFrom(path, specifier));
    }
  }
  return seen;
}

/** A type may be exported for the sake of a signature in its own file; a value must be imported. */
export const checkDeadExports: Check = (sources) => {
  if (!entryPoints.some((entry) => sources.some(({ path }) => path === entry))) return [];
  const used = usedNames(sources);
  return sources
    .filter(({ path }) => isProduction(path) && !entryPoints.includes(path))
    .flatMap((source) =>
      exportsOf(source)
        .filter(({ name, isType }) => !isUsed(used, source, name) && !(isType && countOf(source, name) > 1))
        .map(({ name, node }) =>
          violation(source, node, `exports ${name}, which no production file imports; use it, or do not export it`),
        ),
    );
};

interface Uses {
  /** `path#name`, or `path#*` for a file of which everything is imported. */
  readonly production: ReadonlySet<string>;
  readonly tests: ReadonlySet<string>;
}

function usedNames(sources: readonly Source[]): Uses {
  const production = new Set<string>();
  const tests = new Set<string>();
  for (const source of sources) {
    const uses = source.path.startsWith("test/") ? tests : production;
    for (const { specifier, names } of importsOf(source)) {
      if (!isRelative(specifier)) continue;
      const target = resolveFrom(source.path, specifier);
      for (const name of names ?? ["*"]) uses.add(`${target}#${name}`);
    }
  }
  return { production, tests };
}

function isUsed(used: Uses, { path }: Source, name: string): boolean {
  const isIn = (uses: ReadonlySet<string>) => uses.has(`${path}#${name}`) || uses.has(`${path}#*`);
  const mayBeForTests = isTestTool(path) || (exportsForTests.get(path)?.includes(name) ?? false);
  return isIn(used.production) || (mayBeForTests && isIn(used.tests));
}

interface Export {
  readonly name: string;
  readonly node: ts.Node;
  readonly isType: boolean;
}

function exportsOf(source: Source): Export[] {
  return source.tree.statements.flatMap((statement): Export[] => {
    if (ts.isExportDeclaration(statement)) return reExports(statement);
    const isExported =
      ts.canHaveModifiers(statement) && statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
    if (!isExported) return [];
    if (ts.isVariableStatement(statement)) {
      return statement.declarationList.declarations.flatMap((node) => boundNames(node.name, node));
    }
    const isType = ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement);
    const isNamed = isType || ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement);
    return isNamed && statement.name !== undefined ? [{ name: statement.name.text, node: statement, isType }] : [];
  });
}

/** One name, or those of `const { encode: encodeThis } = ...`. */
function boundNames(name: ts.BindingName, node: ts.Node): Export[] {
  if (ts.isIdentifier(name)) return [{ name: name.text, node, isType: false }];
  return name.elements.flatMap((element) => (ts.isBindingElement(element) ? boundNames(element.name, node) : []));
}

function reExports(statement: ts.ExportDeclaration): Export[] {
  const clause = statement.exportClause;
  if (clause === undefined || ts.isNamespaceExport(clause)) return [];
  return clause.elements.map((node) => ({
    name: node.name.text,
    node,
    isType: statement.isTypeOnly || node.isTypeOnly,
  }));
}

/** How often a file says a name as an identifier: once is its declaration. */
function countOf(source: Source, name: string): number {
  let count = 0;
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && node.text === name) count++;
    ts.forEachChild(node, visit);
  };
  visit(source.tree);
  return count;
}
