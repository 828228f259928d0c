// A known bug as a patch: lines of text that say whose bug it is, then the unified diff that puts it into the product.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import type { HunterName } from "./hunters.ts";

export interface Mutant {
  readonly name: string;
  readonly file: string;
  readonly bug: string;
  readonly hunter: HunterName;
}

const suffix = ".patch";

/** All patches of the folder, in order of their names. */
export function readMutants(folder: string): readonly Mutant[] {
  const files = readdirSync(folder).filter((file) => file.endsWith(suffix));
  return files.sort().map((file) => readMutant(join(folder, file), file.slice(0, -suffix.length)));
}

/**
 * Puts a copy of the product at `root`, broken, into `directory`.
 *
 * @throws {Error} when the patch does not fit the product any more
 */
export function plant({ name, file }: Mutant, root: string, directory: string): void {
  for (const path of filesOf(root)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    cpSync(join(root, path), join(directory, path));
  }
  symlinkSync(join(root, "node_modules"), join(directory, "node_modules"));
  try {
    execFileSync("git", ["apply", file], { cwd: directory, encoding: "utf8", stdio: "pipe" });
  } catch (error) {
    throw new Error(`${name}${suffix} does not apply: ${(error as { stderr?: string }).stderr?.trim()}`);
  }
}

function readMutant(file: string, name: string): Mutant {
  const text = readFileSync(file, "utf8");
  const bug = /^Bug: (.+)$/m.exec(text)?.[1];
  const hunter = /^Hunter: (cluster|data|recovery|edge|restart|core)$/m.exec(text)?.[1];
  if (bug === undefined || hunter === undefined) throw new Error(`${file} does not say its bug and its hunter`);
  return { name, file, bug, hunter: hunter as HunterName };
}

function filesOf(root: string): readonly string[] {
  const list = execFileSync("git", ["ls-files", "-zco", "--exclude-standard", "--", "*.ts", "*.json"], {
    cwd: root,
    encoding: "utf8",
  });
  return list.split("\0").filter((path) => path !== "");
}
