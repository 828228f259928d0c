// What a folder may not mention: clocks, chance, input and output in the cores; bigint outside the codec; faults anywhere
// in production. Identifiers are looked at, so that comments, strings and names of fields do not count.

import ts from "typescript";
import { purePattern } from "./layers.ts";
import { type Check, isProduction, type Source, type Violation, violation, walk } from "./source.ts";

type Advice = Readonly<Record<string, string>>;

const clocksAndChance: Advice = {
  Date: "take nowMs as a parameter",
  performance: "take nowMs as a parameter",
  crypto: "draw from the Random given at construction, or hash with storage's hash",
  setTimeout: "return a deadline from deadlineMs()",
  setInterval: "return a deadline from deadlineMs()",
  setImmediate: "ask for a `continue` input",
  clearTimeout: "return a deadline from deadlineMs()",
  clearInterval: "return a deadline from deadlineMs()",
  queueMicrotask: "ask for a `continue` input",
};

const inputAndOutput: Advice = {
  process: "return an effect, or take the value as an option",
  console: "return an effect; tests print traces",
  Promise: "return an effect and take its completion as an input",
  fetch: "return an effect",
  globalThis: "name what is needed, and take it as a parameter",
  require: "use an import",
  Buffer: "use Uint8Array, and storage's or proto's helpers for bytes",
};

/** Cores and node may not tell the time, draw lots, wait, or touch the world. */
export const checkPurity: Check = (sources) =>
  sources.flatMap((source) => {
    if (purePattern.test(source.path))
      return [...mentions(source, { ...clocksAndChance, ...inputAndOutput }), ...waits(source)];
    const isDeterministic = /^server\/simulation\/|^storage\/mvcc\/|^proto\//.test(source.path);
    return isDeterministic ? mentions(source, clocksAndChance) : [];
  });

function mentions(source: Source, advice: Advice): Violation[] {
  const found: Violation[] = [];
  walk(source.tree, (node) => {
    if (isMathRandom(node))
      found.push(violation(source, node, "mentions Math.random; draw from the Random given at construction"));
    if (!ts.isIdentifier(node) || isFieldName(node) || !Object.hasOwn(advice, node.text)) return;
    found.push(violation(source, node, `mentions ${node.text}; ${advice[node.text]}`));
  });
  return found;
}

/** `async`, `await`, `for await` and dynamic imports. */
function waits(source: Source): Violation[] {
  const found: Violation[] = [];
  walk(source.tree, (node) => {
    const isWaiting =
      node.kind === ts.SyntaxKind.AsyncKeyword ||
      node.kind === ts.SyntaxKind.AwaitKeyword ||
      ts.isAwaitExpression(node) ||
      (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword);
    if (isWaiting) found.push(violation(source, node, "waits; return an effect and take its completion as an input"));
  });
  return found;
}

function isMathRandom(node: ts.Node): boolean {
  return ts.isPropertyAccessExpression(node) && node.name.text === "random" && node.expression.getText() === "Math";
}

/** Whether an identifier only names a field or a method, as in `event.process` or `{ process: 1 }`. */
function isFieldName(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node;
  if (ts.isQualifiedName(parent)) return parent.right === node;
  const isNamed =
    ts.isPropertyAssignment(parent) ||
    ts.isPropertySignature(parent) ||
    ts.isPropertyDeclaration(parent) ||
    ts.isMethodDeclaration(parent) ||
    ts.isMethodSignature(parent) ||
    ts.isGetAccessor(parent) ||
    ts.isSetAccessor(parent);
  return isNamed && parent.name === node;
}

/** 64-bit integers become numbers in one place, where their range is checked (invariant 6). */
export const checkBigint: Check = (sources) =>
  sources
    .filter(({ path }) => isProduction(path) && !/^proto\/codec[^/]*\.ts$|^proto\/codec\//.test(path))
    .flatMap(bigints);

const bigintNames = new Set(["BigInt", "BigInt64Array", "BigUint64Array"]);
const bigintMethod = /^(?:get|set|read|write)Big(?:Int|Uint|UInt)64/;

function bigints(source: Source): Violation[] {
  const found: Violation[] = [];
  walk(source.tree, (node) => {
    const isBigint =
      ts.isBigIntLiteral(node) ||
      node.kind === ts.SyntaxKind.BigIntKeyword ||
      (ts.isIdentifier(node) && ((bigintNames.has(node.text) && !isFieldName(node)) || bigintMethod.test(node.text)));
    if (isBigint)
      found.push(violation(source, node, "uses bigint; convert in proto/codec*.ts, where ranges are checked"));
  });
  return found;
}

const faultWords = new Set(["fault", "faults", "faulty", "buggify", "chaos", "simulator", "simulated", "simulation"]);

/** Production code does not know that it is tested: faults decorate ports from outside (invariant 2). */
export const checkFaults: Check = (sources) =>
  sources
    .filter(
      ({ path }) => isProduction(path) && !/^server\/simulation\/|^server\/main\.ts$|simulate[^/]*\.ts$/.test(path),
    )
    .flatMap((source) => {
      const found: Violation[] = [];
      walk(source.tree, (node) => {
        if (!ts.isIdentifier(node) && !ts.isPrivateIdentifier(node)) return;
        const word = wordsOf(node.text).find((part) => faultWords.has(part));
        if (word === undefined) return;
        found.push(
          violation(source, node, `names a fault (${node.text}); decorate the port in test or server/simulation`),
        );
      });
      return found;
    });

/** `diskFault_2` is `disk`, `fault`, `2`; `defaultFor` holds no fault. */
function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.toLowerCase());
}
