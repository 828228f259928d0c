// Rows under a head, for people: columns as wide as their widest cell, no lines between them. And tab-separated, for programs.

import Table from "cli-table3";

const noLines = {
  ...{ top: "", "top-mid": "", "top-left": "", "top-right": "", bottom: "", "bottom-mid": "", "bottom-left": "" },
  ...{ "bottom-right": "", left: "", "left-mid": "", mid: "", "mid-mid": "", right: "", "right-mid": "", middle: "  " },
};

/** @returns lines without blanks at their ends, each ended; cells may hold colours */
export function alignRows(rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const table = new Table({ chars: noLines, style: { head: [], border: [], "padding-left": 0, "padding-right": 0 } });
  for (const row of rows) table.push(row.map(onOneLine));
  const lines = table.toString().split("\n");
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}

/** @returns a line a row, cells parted by tabs; no head */
export function tabRows(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `${row.map(onOneLine).join("\t")}\n`).join("");
}

// As `Output` has them; whatever else moves a terminal's cursor is somebody's text.
const colour = String.raw`\u{1b}\[(?:[12]|22|3[1-39])m`;
const controls = new RegExp(`(?:(?!${colour})\\p{Cc})+`, "gu");

/** What people and programs have said, without control characters; may hold colours. */
export function onOneLine(text: string): string {
  return text.replace(controls, " ");
}
