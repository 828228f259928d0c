// Runs a program to its end.

import { spawn } from "node:child_process";

const patienceMs = 10_000;

/** @returns standard output. @throws {Error} with standard error when it fails */
export function run(file: string, ...args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"], timeout: patienceMs });
    let out = "";
    let err = "";
    child.stdout.on("data", (chunk) => {
      out += chunk;
    });
    child.stderr.on("data", (chunk) => {
      err += chunk;
    });
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve(out);
      else reject(new Error(`${file} ${args.join(" ")}: ${err.trim() || `exit status ${code}`}`));
    });
  });
}
