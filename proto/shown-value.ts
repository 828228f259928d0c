// A value that a file gives and that is refused, as the error names it.

const charsMax = 40;

/** As JSON, cut: a file may hold anything. */
export function shownValue(value: unknown): string {
  const text = toJson(value) ?? "missing";
  return text.length > charsMax ? `${text.slice(0, charsMax)}...` : text;
}

/** With aliases a YAML file can say what JSON cannot: a list that is in itself. */
function toJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return "a value within itself";
  }
}
