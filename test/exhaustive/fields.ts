// Members as values: a copy that shares nothing that changes, and a text that is the same for two members exactly when they
// will do the same from here on.

type Fields = Record<string, unknown>;

/**
 * Keeps prototypes, and what was one object stays one. Functions are shared, and so is randomness: every draw of these
 * members is from a range of one.
 */
export function copyOf<Value>(value: Value, copies = new Map<unknown, unknown>()): Value {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array || isRandom(value)) return value;
  const known = copies.get(value);
  if (known !== undefined) return known as Value;
  const copy = emptyLike(value);
  copies.set(value, copy);
  if (value instanceof Map)
    for (const [key, item] of value) (copy as Map<unknown, unknown>).set(key, copyOf(item, copies));
  else for (const name of Object.keys(value)) (copy as Fields)[name] = copyOf((value as Fields)[name], copies);
  return copy as Value;
}

/** What changes no later step: constants of a run, counters of writes that are all done, and the generator of deadlines. */
const constants = new Set(["options", "observe", "$random", "$sequence", "$writesAsked", "$writesDone"]);

/**
 * Of times only whether there is one: clocks stand still (see steps.ts), and before anything that asks how long ago
 * something was, they move on by more than every timeout. Answers to a vote count only while there is one.
 */
export function textOfFields(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (value instanceof Map) return `{${[...value].map(([key, item]) => `${key}=${textOfFields(item)}`).sort()}}`;
  if (Array.isArray(value)) return `[${value.map(textOfFields)}]`;
  if (typeof value !== "object" || value === null) return String(value);
  const fields = value as Fields;
  const names = Object.keys(fields).filter((name) => !constants.has(name) && !isOver(fields, name));
  return `(${names.map((name) => `${name}:${name.endsWith("Ms") ? fields[name] !== null : textOfFields(fields[name])}`)})`;
}

function isOver({ role }: Fields, name: string): boolean {
  return name === "votes" && (role === "follower" || role === "leader");
}

function emptyLike(value: object): object {
  if (Array.isArray(value)) return [];
  return value instanceof Map ? new Map() : Object.create(Object.getPrototypeOf(value));
}

function isRandom(value: object): boolean {
  return value.constructor.name === "Random";
}
