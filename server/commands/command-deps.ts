// What the commands of the server's side are given: where their output goes, and how the program wants it.

export interface CommandDeps {
  /** Data; ends its own lines. */
  readonly out: (text: string) => void;
  /** Everything that is not data; ends its own lines. */
  readonly err: (text: string) => void;
  /** Prints data in the format of `-o`. `table` is called only when people read it. */
  readonly print: (value: unknown, table: () => string) => void;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Of the software, for example `0.1.0`. */
  readonly version: string;
  /** Sets what the process will end with. */
  readonly setExitCode: (code: number) => void;
}

/** For a command that did its work and found something wrong. */
export const failedExitCode = 1;
