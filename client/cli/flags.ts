// The flags of one command as the parser read them, taken out with their types and limits.

import { UsageError } from "./usage-error.ts";

export class Flags {
  readonly #values: Readonly<Record<string, unknown>>;

  /** @param values by name in camelCase, as commander keeps them */
  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  isSet(name: string): boolean {
    return this.#values[name] === true;
  }

  /** @returns undefined when it was not given */
  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === "string" ? value : undefined;
  }

  /** @throws {UsageError} unless it is absent or a decimal integer from `min` to `max` */
  integer(
    name: string,
    { min, max = Number.MAX_SAFE_INTEGER }: { readonly min: number; readonly max?: number },
  ): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    const range = max === Number.MAX_SAFE_INTEGER ? `from ${min} on` : `from ${min} to ${max}`;
    throw new UsageError(`${asWritten(name)} is ${JSON.stringify(text)}, not an integer ${range}`);
  }

  /** A duration such as `5s`, `500ms` or `2m`, in milliseconds. @throws {UsageError} unless it is absent, or in the range */
  durationMs(name: string, { minMs, maxMs, range }: DurationRange = usualDurations): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const [, digits = "", unit = "s"] = /^([0-9]{1,8})(ms|s|m|h)?$/.exec(text) ?? [];
    const value = digits === "" ? Number.NaN : Number(digits) * unitsMs[unit as keyof typeof unitsMs];
    if (value >= minMs && value <= maxMs) return value;
    throw new UsageError(
      `${asWritten(name)} is ${JSON.stringify(text)}, not a time from ${range} such as 500ms, 5s, 2m`,
    );
  }

  /** Comma-separated names; absent: none. @throws {UsageError} when it is given and names none, as an empty variable does */
  names(name: string): readonly string[] {
    const text = this.text(name);
    if (text === undefined) return [];
    const parts = text.split(",").flatMap((part) => part.trim() || []);
    if (parts.length > 0) return parts;
    throw new UsageError(`${asWritten(name)} names none; leave it out, or give names parted by commas`);
  }
}

interface DurationRange {
  readonly minMs: number;
  readonly maxMs: number;
  /** Both, as people write them. */
  readonly range: string;
}

const unitsMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;
const usualDurations: DurationRange = { minMs: 1, maxMs: unitsMs.h, range: "1ms to 60m" };

/** `ifRevision` as `--if-revision`. */
function asWritten(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
