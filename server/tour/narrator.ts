// How the tour speaks: numbered chapters, lines with the time since the tour began, and plain tables.

export class Narrator {
  readonly #print: (line: string) => void;
  readonly #startedMs = performance.now();
  #chapter = 0;

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  chapter(title: string): void {
    this.#chapter += 1;
    this.#print("");
    this.#print(`${this.#chapter}. ${title}`);
  }

  say(text: string): void {
    const seconds = ((performance.now() - this.#startedMs) / 1000).toFixed(1).padStart(5);
    this.#print(`  ${seconds} s  ${text}`);
  }

  plain(text: string): void {
    this.#print(text === "" ? "" : `           ${text}`);
  }

  table(head: readonly string[], rows: readonly (readonly string[])[]): void {
    const widths = head.map((title, column) =>
      Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)),
    );
    const lineOf = (cells: readonly string[]) =>
      cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ");
    for (const cells of [head, ...rows]) this.plain(lineOf(cells).trimEnd());
  }
}
