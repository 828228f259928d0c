// By whom a command is run, as far as the environment says so: told with what is wanted, and checked by nobody.

import type { CliDeps } from "./cli-deps.ts";

const charsMax = 100;

/** @returns empty when nothing is said */
export function operatorName({ env }: Pick<CliDeps, "env">): string {
  const name = env["BAILIWICK_OPERATOR"] || env["USER"] || env["LOGNAME"] || "";
  return name.slice(0, charsMax);
}
