// The examples of a document: its fenced blocks of one language, each a whole program. What a program prints is told by the
// comments behind its `console.log`s, what a command line prints by the comment behind it.

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

/** A command line, and a part of a line that it prints. */
export interface Command {
  readonly line: string;
  readonly prints: string;
}

/** Commands of the section that say what they print: a line each, with the print behind `    # `. */
export function commandsOf(document: string, heading: string): readonly Command[] {
  const blocks = [...sectionOf(document, heading).matchAll(/^```sh\n([\s\S]*?)^```$/gm)];
  const lines = blocks.flatMap(([, code = ""]) => code.split("\n").slice(0, -1));
  return lines.map((text) => {
    const [line = "", prints = ""] = text.split("    # ");
    return { line, prints };
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
