// Small file systems for tests that fill a disk. Mounting needs the right to; without it the test is skipped, and says so.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { after, type TestContext } from "node:test";

export class SmallDisks {
  readonly #mounted: string[] = [];

  /** To be made before what makes the directories around the mounts: they are to be gone before those are removed. */
  constructor() {
    after(() => {
      for (const directory of this.#mounted) spawnSync("umount", ["-l", directory]);
    });
  }

  /**
   * Mounts one at `directory`, which is made when missing, until the file's tests are over.
   *
   * @returns why not; null: it is mounted
   */
  mount(directory: string, bytes: number): string | null {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const { status, stderr, error } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", directory]);
    if (status !== 0) return error?.message ?? stderr.toString().trim();
    this.#mounted.push(directory);
    return null;
  }

  resize(directory: string, bytes: number): void {
    execFileSync("mount", ["-o", `remount,size=${bytes}`, directory]);
  }
}

/** Skips a test loudly. */
export function skipWithoutMount(context: TestContext, refusal: string): void {
  process.stderr.write(`SKIPPED, a full disk was not tested: ${refusal}\n`);
  context.skip(`no file system can be mounted here: ${refusal}`);
}
