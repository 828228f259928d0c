// Rules about single declarations: erasable syntax, state and work at module level, head comments, debts, limits.

import ts from "typescript";
import { type Check, isProduction, type Source, type Violation, violation, violationOfFile, walk } from "./source.ts";

/** Programs: they do their work on import, because starting them is importing them. */
const programs = new Set(["server/main.ts", "bench/main.ts", "test/run.ts", "client/agent/guard-main.ts"]);

/** No enum, namespace, default export, parameter property, or `private` that the compiler alone enforces. */
export const checkSyntax: Check = (sources) =>
  sources.flatMap((source) => {
    const found: Violation[] = [];
    walk(source.tree, (node) => {
      const message = refuseSyntax(node);
      if (message !== null) found.push(violation(source, node, message));
    });
    return found;
  });

function refuseSyntax(node: ts.Node): string | null {
  if (ts.isEnumDeclaration(node)) return "declares an enum; use a union of string literals";
  if (ts.isModuleDeclaration(node)) return "declares a namespace; use a file";
  if (ts.isExportAssignment(node)) return "exports a default; export a name";
  if (node.kind === ts.SyntaxKind.DefaultKeyword && !ts.isDefaultClause(node.parent))
    return "exports a default; export a name";
  if (ts.isParameter(node) && (node.modifiers?.length ?? 0) > 0) {
    return "declares a parameter property; assign a #field in the constructor";
  }
  const isAccess = node.kind === ts.SyntaxKind.PrivateKeyword || node.kind === ts.SyntaxKind.ProtectedKeyword;
  return isAccess && !ts.isConstructorDeclaration(node.parent)
    ? "limits access for the compiler only; use a #name"
    : null;
}

const mutators = new Set(
  "set add delete clear push pop shift unshift splice sort reverse fill copyWithin append".split(" "),
);
/** Values without state of their own that a module may make once. */
const stateless = new Set("Map Set WeakMap RegExp TextEncoder TextDecoder Uint8Array Error Intl".split(" "));

/** Nothing in a module changes after it is loaded: no `let`, no collection that is written to, no instance (invariant 10). */
export const checkModuleState: Check = (sources) =>
  sources.filter(({ path }) => isProduction(path) && !programs.has(path)).flatMap(moduleState);

function moduleState(source: Source): Violation[] {
  return source.tree.statements.filter(ts.isVariableStatement).flatMap((statement) => {
    const { declarationList } = statement;
    if (isAmbient(statement)) return [];
    if ((declarationList.flags & ts.NodeFlags.Const) === 0) {
      return [
        violation(
          source,
          statement,
          "holds a variable in the module; pass it, or keep it in an object that main makes",
        ),
      ];
    }
    return declarationList.declarations.flatMap((declaration) => constantState(source, declaration));
  });
}

function constantState(source: Source, declaration: ts.VariableDeclaration): Violation[] {
  const value = bare(declaration.initializer);
  if (value === undefined || !ts.isIdentifier(declaration.name)) return [];
  const name = declaration.name.text;
  if (ts.isNewExpression(value) && !stateless.has(value.expression.getText().split(".")[0] ?? "")) {
    return [violation(source, declaration, `makes the singleton ${name} on import; let main make it and pass it on`)];
  }
  const isCollection =
    ts.isNewExpression(value) || ts.isArrayLiteralExpression(value) || ts.isObjectLiteralExpression(value);
  if (!isCollection) return [];
  return writesTo(source, name).map((node) =>
    violation(source, node, `changes ${name}, which the module holds; keep it in an object that main makes`),
  );
}

function writesTo(source: Source, name: string): ts.Node[] {
  const found: ts.Node[] = [];
  const isTarget = (node: ts.Node) =>
    (ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node)) && isNamed(node.expression, name);
  walk(source.tree, (node) => {
    const isAssigned =
      ts.isBinaryExpression(node) &&
      node.operatorToken.kind >= ts.SyntaxKind.FirstAssignment &&
      node.operatorToken.kind <= ts.SyntaxKind.LastAssignment &&
      isTarget(node.left);
    const isDeleted = ts.isDeleteExpression(node) && isTarget(node.expression);
    const isMutated =
      ts.isCallExpression(node) &&
      ts.isPropertyAccessExpression(node.expression) &&
      isNamed(node.expression.expression, name) &&
      mutators.has(node.expression.name.text);
    if (isAssigned || isDeleted || isMutated) found.push(node);
  });
  return found;
}

function isNamed(node: ts.Node, name: string): boolean {
  return ts.isIdentifier(node) && node.text === name;
}

/** The expression inside `as const`, `satisfies` and parentheses. */
function bare(node: ts.Expression | undefined): ts.Expression | undefined {
  if (node === undefined) return undefined;
  const isWrapped = ts.isAsExpression(node) || ts.isSatisfiesExpression(node) || ts.isParenthesizedExpression(node);
  return isWrapped ? bare(node.expression) : node;
}

function isAmbient(statement: ts.VariableStatement): boolean {
  return statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.DeclareKeyword) ?? false;
}

const declarations = new Set([
  ts.SyntaxKind.ImportDeclaration,
  ts.SyntaxKind.ExportDeclaration,
  ts.SyntaxKind.ExportAssignment,
  ts.SyntaxKind.VariableStatement,
  ts.SyntaxKind.FunctionDeclaration,
  ts.SyntaxKind.ClassDeclaration,
  ts.SyntaxKind.InterfaceDeclaration,
  ts.SyntaxKind.TypeAliasDeclaration,
  ts.SyntaxKind.EnumDeclaration,
  ts.SyntaxKind.ModuleDeclaration,
]);

/** Importing a file declares things and does nothing (invariant 10). */
export const checkWorkOnImport: Check = (sources) =>
  sources.filter(({ path }) => isProduction(path) && !programs.has(path)).flatMap(workOnImport);

function workOnImport(source: Source): Violation[] {
  const found: Violation[] = [];
  const worldly = worldlyNames(source);
  for (const statement of source.tree.statements) {
    if (!declarations.has(statement.kind)) {
      found.push(violation(source, statement, "works on import; put it in a function that main calls"));
    }
    if (ts.isImportDeclaration(statement) && statement.importClause === undefined) {
      found.push(violation(source, statement, "imports for a side effect; import a name and call it"));
    }
    if (!ts.isVariableStatement(statement)) continue;
    walkNow(statement, (node) => {
      const isWorldly = ts.isCallExpression(node) && worldly.has(node.expression.getText().split(".")[0] ?? "");
      if (isWorldly || ts.isAwaitExpression(node)) {
        found.push(violation(source, node, "touches the world on import; put it in a function that main calls"));
      }
    });
  }
  return found;
}

/** Names from modules of Node that read or change something outside the process. */
function worldlyNames(source: Source): Set<string> {
  const names = new Set<string>(["fetch", "setTimeout", "setInterval", "setImmediate", "process"]);
  for (const statement of source.tree.statements) {
    if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier)) continue;
    if (!/^node:(?:fs|child_process|net|os|dns|http|https|timers|worker_threads)/.test(statement.moduleSpecifier.text))
      continue;
    const clause = statement.importClause;
    if (clause?.name !== undefined) names.add(clause.name.text);
    const bindings = clause?.namedBindings;
    if (bindings === undefined) continue;
    if (ts.isNamespaceImport(bindings)) names.add(bindings.name.text);
    else for (const element of bindings.elements) names.add(element.name.text);
  }
  return names;
}

/** As `walk`, but not into functions and classes: what runs when the statement itself runs. */
function walkNow(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => {
    if (!ts.isFunctionLike(child) && !ts.isClassLike(child)) walkNow(child, visit);
  });
}

/** Every file says what it is before its first line of code; a test file says it with its name and its sentences. */
export const checkHeadComment: Check = (sources) =>
  sources.flatMap((source) => {
    if (source.path.endsWith(".test.ts")) return [];
    const text = source.tree.text.replace(/^#!.*\n/, "");
    if (/^(?:\/\/ |\/\*)/.test(text)) return [];
    return [violationOfFile(source, "has no head comment; say in 1 to 5 lines what this is and what it does not do")];
  });

// Put together here, so that this file does not hold them.
const debtPattern = new RegExp(`\\b(?:${["FIX" + "ME", "TO" + "DO", "XX" + "X"].join("|")})\\b`);

/** Debts are admitted in place with their reason, not promised. */
export const checkDebts: Check = (sources) =>
  sources.flatMap((source) =>
    source.tree.text.split("\n").flatMap((text, at) => {
      const word = debtPattern.exec(text)?.[0];
      return word === undefined
        ? []
        : [{ path: source.path, line: at + 1, message: `leaves a ${word}; do it, or say why it is as it is` }];
    }),
  );

/** Limits of the server are found in one file (invariant 7); a simulated world has limits of its own. */
export const checkLimits: Check = (sources) =>
  sources
    .filter(({ path }) => /^server\/(?!simulation\/|node\/limits\.ts$)/.test(path))
    .flatMap((source) =>
      source.tree.statements
        .filter(ts.isVariableStatement)
        .flatMap(({ declarationList }) => declarationList.declarations)
        .filter(({ name, initializer }) => isLimitName(name.getText()) && isNumber(initializer))
        .map((node) =>
          violation(source, node, `sets the limit ${node.name.getText()}; put it in server/node/limits.ts`),
        ),
    );

function isLimitName(name: string): boolean {
  return /(?:Max|Limit|Capacity)$/.test(name) || /^max[A-Z]/.test(name);
}

function isNumber(node: ts.Expression | undefined): boolean {
  const value = bare(node);
  if (value === undefined) return false;
  if (ts.isBinaryExpression(value)) return isNumber(value.left) && isNumber(value.right);
  return ts.isNumericLiteral(value);
}
