// A program that the command line starts.

export interface ProgramSetting {
  /** All of it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Absent: this program's own. */
  readonly directory?: string;
  /** Given what it says on standard output. Absent: that goes where this program's does. */
  readonly hear?: (text: string) => void;
}

export interface ProgramEnd {
  /** null: ended by a signal. */
  readonly code: number | null;
  /** 0 unless a signal ended it. */
  readonly signalNumber: number;
}

export interface Program {
  readonly ended: Promise<ProgramEnd>;
  /** Does nothing once it has ended. */
  readonly kill: (signal: "SIGTERM" | "SIGKILL") => void;
}
