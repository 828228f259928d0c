// Source files as tidy sees them: a path, its text and its syntax tree. Nothing is type-checked, so all of it takes a moment.

import { existsSync, globSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import ts from "typescript";

export interface Source {
  /** From the repository root, with forward slashes. */
  readonly path: string;
  readonly tree: ts.SourceFile;
}

export interface Violation {
  readonly path: string;
  /** Counted from 1. */
  readonly line: number;
  /** What is wrong and what to write instead. */
  readonly message: string;
}

export type Check = (sources: readonly Source[]) => Violation[];

const folders = ["proto", "storage", "server", "client", "test", "bench"];

/** Every TypeScript file that people write; generated code is nobody's to tidy. */
export function readSources(root: string): Source[] {
  return folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: root }))
    .filter((path) => !isGenerated(path))
    .sort()
    .map((path) => parse(path, readFileSync(join(root, path), "utf8")));
}

/** A source from text; in self-tests of the checks, a planted one. */
export function parse(path: string, text: string): Source {
  return { path, tree: ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS) };
}

export function isGenerated(path: string): boolean {
  return path.startsWith("proto/gen/");
}

export function isProduction(path: string): boolean {
  return !path.startsWith("test/") && !path.startsWith("bench/");
}

export function violation(source: Source, node: ts.Node, message: string): Violation {
  const { line } = source.tree.getLineAndCharacterOfPosition(node.getStart(source.tree));
  return { path: source.path, line: line + 1, message };
}

/** As {@link violation}, of a file as a whole. */
export function violationOfFile(source: Source, message: string): Violation {
  return { path: source.path, line: 1, message };
}

/** Calls `visit` for every node of the tree, parents first. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

/** The path that a relative specifier names, from the repository root. */
export function resolveFrom(importer: string, specifier: string): string {
  return posix.normalize(posix.join(posix.dirname(importer), specifier));
}

export function isRelative(specifier: string): boolean {
  return specifier.startsWith("./") || specifier.startsWith("../");
}
