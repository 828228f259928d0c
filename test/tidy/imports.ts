// The edges between files: static and dynamic imports, re-exports, import types, and files named for a worker or a child.

import ts from "typescript";
import { isRelative, type Source, walk } from "./source.ts";

export interface ImportEdge {
  readonly node: ts.Node;
  readonly specifier: string;
  /** Names taken from the module; null means all of them. */
  readonly names: readonly string[] | null;
  readonly isTypeOnly: boolean;
}

export function importsOf(source: Source): ImportEdge[] {
  const edges: ImportEdge[] = [];
  walk(source.tree, (node) => {
    const edge = toEdge(node);
    if (edge !== null) edges.push(edge);
  });
  return edges;
}

function toEdge(node: ts.Node): ImportEdge | null {
  if (ts.isImportDeclaration(node)) return fromImport(node);
  if (ts.isExportDeclaration(node)) return fromReExport(node);
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    return everything(node, node.argument.literal, true);
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    return everything(node, node.arguments[0], false);
  }
  return fromPathLiteral(node);
}

function fromImport(node: ts.ImportDeclaration): ImportEdge | null {
  const clause = node.importClause;
  const isTypeOnly = clause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
  const bindings = clause?.namedBindings;
  if (bindings !== undefined && ts.isNamespaceImport(bindings)) {
    return everything(node, node.moduleSpecifier, isTypeOnly);
  }
  const names = (bindings?.elements ?? []).map((element) => (element.propertyName ?? element.name).text);
  if (clause?.name !== undefined) names.push("default");
  return named(node, node.moduleSpecifier, names, isTypeOnly);
}

function fromReExport(node: ts.ExportDeclaration): ImportEdge | null {
  const clause = node.exportClause;
  if (clause === undefined || ts.isNamespaceExport(clause)) {
    return everything(node, node.moduleSpecifier, node.isTypeOnly);
  }
  const names = clause.elements.map((element) => (element.propertyName ?? element.name).text);
  return named(node, node.moduleSpecifier, names, node.isTypeOnly);
}

/** `new URL("./worker.ts", import.meta.url)` and its like: any relative literal that ends in .ts, outside an import. */
function fromPathLiteral(node: ts.Node): ImportEdge | null {
  if (!ts.isStringLiteral(node) || !isRelative(node.text) || !node.text.endsWith(".ts")) return null;
  const { parent } = node;
  const isCounted =
    ts.isImportDeclaration(parent) ||
    ts.isExportDeclaration(parent) ||
    ts.isLiteralTypeNode(parent) ||
    (ts.isCallExpression(parent) && parent.expression.kind === ts.SyntaxKind.ImportKeyword);
  return isCounted ? null : everything(node, node, false);
}

function everything(node: ts.Node, specifier: ts.Node | undefined, isTypeOnly: boolean): ImportEdge | null {
  return specifier !== undefined && ts.isStringLiteralLike(specifier)
    ? { node, specifier: specifier.text, names: null, isTypeOnly }
    : null;
}

function named(
  node: ts.Node,
  specifier: ts.Node | undefined,
  names: readonly string[],
  isTypeOnly: boolean,
): ImportEdge | null {
  const edge = everything(node, specifier, isTypeOnly);
  return edge === null ? null : { ...edge, names };
}
