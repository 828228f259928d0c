// What somebody may have meant who wrote a word that is not known.

/** Of `words` the one that holds what was given, else the one that takes the fewest changes; null: none is near. */
export function closestWord(given: string, words: readonly string[]): string | null {
  if (given === "") return null;
  const holding = words.find((word) => word.includes(given));
  if (holding !== undefined) return holding;
  const near = words
    .map((word) => ({ word, changes: changesBetween(given, word) }))
    .toSorted((left, right) => left.changes - right.changes)[0];
  return near !== undefined && near.changes <= Math.max(2, given.length / 3) ? near.word : null;
}

/** Letters to insert, to leave out or to replace (Levenshtein's distance). */
function changesBetween(from: string, to: string): number {
  let before = Array.from({ length: to.length + 1 }, (_, length) => length);
  for (const [row, letter] of [...from].entries()) {
    const now = [row + 1];
    for (const [column, wanted] of [...to].entries()) {
      const replaced = (before[column] ?? 0) + (letter === wanted ? 0 : 1);
      now.push(Math.min(replaced, (before[column + 1] ?? 0) + 1, (now[column] ?? 0) + 1));
    }
    before = now;
  }
  return before.at(-1) ?? 0;
}
