// How data is printed: for people as text, for programs as JSON or YAML, by `-o`.

import pc from "picocolors";
import { alignRows, tabRows } from "./table.ts";

export const formats = ["table", "json", "yaml"] as const;
export type Format = (typeof formats)[number];

export type Colours = ReturnType<typeof pc.createColors>;

export interface OutputOptions {
  readonly format: Format;
  readonly isTty: boolean;
  readonly isColoured: boolean;
  readonly out: (data: string | Uint8Array) => void;
  readonly err: (text: string) => void;
  /** Of the library for YAML, which is loaded only when it is wanted. */
  readonly toYaml: (value: unknown) => string;
}

export class Output {
  readonly #options: OutputOptions;
  /** Do nothing where colours are off. */
  readonly colours: Colours;

  constructor(options: OutputOptions) {
    this.#options = options;
    this.colours = pc.createColors(options.isColoured);
  }

  get format(): Format {
    return this.#options.format;
  }

  get isTty(): boolean {
    return this.#options.isTty;
  }

  /** Prints one answer. @param text called only for people; ends its own lines */
  print(value: unknown, text: () => string | Uint8Array): void {
    const { format, out, toYaml } = this.#options;
    if (format === "json") out(`${JSON.stringify(value, null, 2)}\n`);
    else if (format === "yaml") out(toYaml(value));
    else out(text());
  }

  /** Prints one of many answers: JSON on one line each, YAML as a document each. */
  printNext(value: unknown, text: () => string): void {
    const { format, out, toYaml } = this.#options;
    if (format === "json") out(`${JSON.stringify(value)}\n`);
    else if (format === "yaml") out(`---\n${toYaml(value)}`);
    else out(text());
  }

  /** Says something that is not data. */
  note(text: string): void {
    this.#options.err(`${text}\n`);
  }

  /** Rows as a table with its head on a terminal, tab-separated without one elsewhere. */
  rows(head: readonly string[], rows: readonly (readonly string[])[]): string {
    return this.isTty ? this.aligned(head, rows) : tabRows(rows);
  }

  /** Rows as a table with its head, for screens that are for people wherever they go. */
  aligned(head: readonly string[], rows: readonly (readonly string[])[]): string {
    return alignRows([head.map((title) => this.colours.bold(title)), ...rows]);
  }
}
