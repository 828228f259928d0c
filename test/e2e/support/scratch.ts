// A directory for one test file.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Scratch {
  readonly directory: string;
  /** Leaves it in place when E2E_KEEP is set, for whoever looks for the cause of a failure. */
  readonly remove: () => void;
}

/** The caller removes it after its tests. */
export function createScratch(name: string): Scratch {
  const directory = mkdtempSync(join(tmpdir(), `bailiwick-e2e-${name}-`));
  const remove = () => {
    if (process.env["E2E_KEEP"] === undefined) rmSync(directory, { recursive: true, force: true });
    else process.stderr.write(`Kept: ${directory}\n`);
  };
  return { directory, remove };
}
