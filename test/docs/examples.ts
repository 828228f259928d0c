// The examples of a document: its fenced blocks of one language, each a whole program. What a program prints is told by the
// comments behind its `console.log`s.

/** A program with what it is to print. */
export interface Example {
  readonly code: string;
  /** Line by line. */
  readonly prints: readonly string[];
}

/** @param heading of the section, as it stands in the text, for example `### Client library` */
export function examplesOf(document: string, heading: string): readonly Example[] {
  const section = sectionOf(document, heading);
  return [...section.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = ""]) => {
    const prints = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, printed = ""]) => printed);
    return { code, prints };
  });
}

/** From the heading to the next one as high. */
function sectionOf(document: string, heading: string): string {
  const [marks = ""] = heading.split(" ");
  const start = document.indexOf(`\n${heading}\n`);
  if (start < 0) throw new Error(`There is no section ${heading}`);
  const rest = document.slice(start + heading.length + 2);
  const end = rest.search(new RegExp(`^#{1,${marks.length}} `, "m"));
  return end < 0 ? rest : rest.slice(0, end);
}
