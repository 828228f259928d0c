// What a start of the agent makes of files that are damaged.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readBootId } from "../../../client/agent/boot-clock.ts";
import { StateDirectory } from "../../../client/agent/state-directory.ts";
import { spec } from "./specs.ts";

const group = { spec: spec(["db"]), stopBudgetMs: 5_000, starting: [], children: [], killAtMs: null };

class Files implements Disposable {
  readonly directory = new StateDirectory(mkdtempSync(join(tmpdir(), "bailiwick-state-")));
  readonly id = this.directory.id();
  readonly log: string[] = [];

  hold(): this {
    this.directory.writeGroups(this.id, [group]);
    return this;
  }

  /** As an earlier version did. */
  holdUnproven(boot = readBootId()): this {
    this.write("groups.json", JSON.stringify({ boot, groups: [group] }));
    return this;
  }

  write(name: string, text: string): this {
    writeFileSync(join(this.directory.path, name), text);
    return this;
  }

  read(name: string): string | null {
    const file = join(this.directory.path, name);
    return existsSync(file) ? readFileSync(file, "utf8") : null;
  }

  remove(name: string): this {
    rmSync(join(this.directory.path, name));
    return this;
  }

  mend(): this {
    this.directory.mend((line) => this.log.push(line));
    return this;
  }

  [Symbol.dispose](): void {
    rmSync(this.directory.path, { recursive: true });
  }
}

for (const [one, other] of [
  ["groups.json", "groups.copy.json"],
  ["groups.copy.json", "groups.json"],
] as const) {
  test(`a start with a damaged ${one} keeps it, says so, and knows from ${other} what runs`, () => {
    using files = new Files().hold().write(one, "").mend();
    assert.deepEqual(files.directory.leftover(), [group]);
    assert.equal(files.read(`${one}.damaged`), "");
    assert.equal(files.read(one), null);
    assert.match(
      files.log.join("\n"),
      new RegExp(`/${one} is damaged \\(it is empty\\) and kept as ${one}\\.damaged: its copy`),
    );
  });

  test(`a start without ${one} knows from ${other} what runs`, () => {
    using files = new Files().hold().remove(one).mend();
    assert.deepEqual(files.directory.leftover(), [group]);
    assert.deepEqual(files.log, []);
  });
}

test("a start with both files of held groups damaged is refused, with files, reasons and what is to be done", () => {
  using files = new Files().hold().write("groups.json", "{").write("groups.copy.json", "");
  const message =
    /groups\.json is damaged \(it is no JSON object\) and .*groups\.copy\.json is damaged \(it is empty\), so that .* not known.*by hand.*remove id, groups\.json and groups\.copy\.json in /;
  assert.throws(() => files.mend(), { message });
  assert.throws(() => files.directory.leftover(), { message });
  assert.equal(files.read("groups.json"), "{", "it is not there for the next start to refuse");
});

test("a start with a damaged file of held groups and no copy of it is refused", () => {
  using files = new Files().hold().write("groups.json", "").remove("groups.copy.json");
  assert.throws(() => files.mend(), /groups\.json is damaged \(it is empty\), so that/);
});

test("a start with what an operator has removed knows that nothing runs", () => {
  using files = new Files().hold().remove("groups.json").remove("groups.copy.json").mend();
  assert.deepEqual(files.directory.leftover(), []);
});

test("a damaged id is kept, and the one beside the held groups counts", () => {
  using files = new Files().hold().write("id", "\0\0\0\0").mend();
  assert.equal(files.directory.id(), files.id);
  assert.equal(files.read("id.damaged"), "\0\0\0\0");
  assert.match(files.log.join("\n"), /\/id is damaged \(it is no id\) and kept as id\.damaged: its copy counts/);
});

test("an id that is another than the one beside the held groups does not count", () => {
  using files = new Files().hold().write("id", "0".repeat(16)).mend();
  assert.equal(files.directory.id(), files.id);
  assert.match(files.log.join("\n"), /\(the guard had another\)/);
});

test("a missing id is the one beside the held groups", () => {
  using files = new Files().hold().remove("id").mend();
  assert.equal(files.directory.id(), files.id);
  assert.deepEqual(files.log, []);
});

test("a damaged id under which nothing was ever held is replaced by another", () => {
  using files = new Files().write("id", "").mend();
  assert.match(files.directory.id(), /^[0-9a-f]{16}$/);
  assert.match(files.log.join("\n"), /nothing runs under it/);
});

test("a damaged id is refused where an earlier version left groups, and replaced once the machine was started again", () => {
  using running = new Files().holdUnproven().write("id", "");
  assert.throws(() => running.mend(), /\/id is damaged \(it is no id\), so that .* not known/);
  using over = new Files().holdUnproven("an earlier start").write("id", "").mend();
  assert.deepEqual(over.directory.leftover(), []);
  assert.match(over.directory.id(), /^[0-9a-f]{16}$/);
});

test("a start changes nothing where nothing is damaged", () => {
  using files = new Files().hold();
  const before = ["id", "groups.json", "groups.copy.json"].map((name) => files.read(name));
  files.mend();
  assert.deepEqual(
    ["id", "groups.json", "groups.copy.json"].map((name) => files.read(name)),
    before,
  );
  assert.deepEqual(files.log, []);
});
