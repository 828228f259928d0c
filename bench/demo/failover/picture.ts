// Draws what happened as SVG: a panel for each blow, one line for each node and one for the client, time running from the blow.

import type { Gap, Span } from "./gaps.ts";

/** Times are in ms since the blow. */
export interface Panel {
  readonly title: string;
  /** Of the service, by node. */
  readonly held: readonly Span[];
  /** Of the client's requests: who answered, and when; null: nobody did, and when it was sent. */
  readonly answers: readonly { readonly atMs: number; readonly node: string | null }[];
  readonly gap: Pick<Gap, "fromMs" | "toMs">;
  /** For people, behind the length of the gap. */
  readonly note: string;
  readonly marks: readonly Mark[];
}

interface Mark {
  readonly atMs: number;
  readonly text: string;
  /** Of the mark, where the text goes. */
  readonly side: "left" | "right";
}

export interface Picture {
  readonly title: string;
  readonly subtitle: string;
  /** In the order of the lines. */
  readonly nodes: readonly string[];
  /** What is shown of each panel. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly panels: readonly Panel[];
}

const width = 960;
const plot = { left: 84, right: 940 } as const;
const header = 62;
const line = { height: 15, gap: 5 } as const;
const panelHead = 40;
const panelFoot = 34;
const legend = 26;
/** Told apart also by those who see few colours, and in grey. */
const colours = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9"] as const;
const ink = { text: "#1f2328", faint: "#59636e", rule: "#d1d9e0", gap: "#d1242f" } as const;

/** @returns a whole document, the same for the same picture */
export function draw(picture: Picture): string {
  const height = header + picture.panels.length * panelHeight(picture) + legend;
  const panels = picture.panels.map((panel, at) => drawPanel(picture, panel, header + at * panelHeight(picture)));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`,
    ` font-family="DejaVu Sans, Verdana, Helvetica, Arial, sans-serif" font-size="12" fill="${ink.text}" role="img">`,
    `<title>${escapeXml(picture.title)}</title>`,
    rectangle({ x: 0, y: 0, width, height, fill: "#ffffff" }),
    text(20, 28, picture.title, 'font-size="17" font-weight="bold"'),
    text(20, 48, picture.subtitle, `fill="${ink.faint}"`),
    ...panels,
    drawLegend(picture, height - legend + 8),
    "</svg>\n",
  ].join("\n");
}

function panelHeight({ nodes }: Picture): number {
  return panelHead + (nodes.length + 1) * (line.height + line.gap) + panelFoot;
}

function drawPanel(picture: Picture, panel: Panel, top: number): string {
  const x = scaleOf(picture);
  const body = top + panelHead;
  const rows = [...picture.nodes, "client"];
  const bottom = body + rows.length * (line.height + line.gap);
  const rowTop = (row: number) => body + row * (line.height + line.gap);
  const names = rows.map((name, row) => text(plot.left - 10, rowTop(row) + 12, name, 'text-anchor="end"'));
  return [
    text(20, top + 18, panel.title, 'font-weight="bold"'),
    drawGap(panel, { x, top: body - 4, bottom }),
    ...names,
    ...panel.held.map((span) => {
      const row = picture.nodes.indexOf(span.node);
      return rectangle({
        x: x(span.fromMs),
        y: rowTop(row),
        ...between(x, span),
        height: line.height,
        fill: colour(row),
      });
    }),
    ...drawAnswers(picture, panel, rowTop(picture.nodes.length)),
    ...panel.marks.map((mark) => drawMark(mark, { x: x(mark.atMs), top: body - 6, bottom })),
    drawAxis(picture, bottom),
  ].join("\n");
}

function drawGap({ gap, note }: Panel, at: { x: Scale; top: number; bottom: number }): string {
  const fields = { y: at.top, height: at.bottom - at.top, fill: ink.gap };
  const left = at.x(gap.fromMs);
  const length = `${((gap.toMs - gap.fromMs) / 1_000).toFixed(2)} s`;
  return [
    rectangle({ x: left, ...between(at.x, gap), ...fields, opacity: 0.1 }),
    text(
      plot.right,
      at.top - 18,
      `no answer for ${length}${note}`,
      `text-anchor="end" fill="${ink.gap}" font-weight="bold"`,
    ),
  ].join("\n");
}

/** One path a node: thousands of requests are few elements. */
function drawAnswers(picture: Picture, { answers }: Panel, top: number): readonly string[] {
  const x = scaleOf(picture);
  return [...picture.nodes, null].map((node, row) => {
    const ticks = answers.filter((answer) => answer.node === node && isShown(picture, answer.atMs));
    const [from, to] = node === null ? [top + line.height - 4, top + line.height] : [top, top + line.height];
    const path = ticks.map(({ atMs }) => `M${x(atMs)} ${from}V${to}`).join("");
    const stroke = node === null ? ink.gap : colour(row);
    return path === "" ? "" : `<path d="${path}" stroke="${stroke}" stroke-width="1" fill="none"/>`;
  });
}

function drawMark({ text: words, side }: Mark, { x, top, bottom }: { x: number; top: number; bottom: number }): string {
  const [away, anchor] = side === "left" ? [-3, "end"] : [3, "start"];
  return [
    `<line x1="${x}" y1="${top}" x2="${x}" y2="${bottom}" stroke="${ink.faint}" stroke-dasharray="3 3"/>`,
    text(x + away, bottom + 11, words, `text-anchor="${anchor}" fill="${ink.faint}" font-size="9.5"`),
  ].join("\n");
}

function drawAxis(picture: Picture, y: number): string {
  const x = scaleOf(picture);
  const first = Math.ceil(picture.fromMs / 1_000);
  const seconds = Array.from({ length: Math.floor(picture.toMs / 1_000) - first + 1 }, (_, at) => first + at);
  return [
    `<line x1="${plot.left}" y1="${y}" x2="${plot.right}" y2="${y}" stroke="${ink.rule}"/>`,
    ...seconds.map((second) =>
      text(x(second * 1_000), y + 24, `${second} s`, `text-anchor="middle" fill="${ink.faint}" font-size="10"`),
    ),
  ].join("\n");
}

function drawLegend({ nodes }: Picture, y: number): string {
  const entries = [...nodes.map((node, at) => [node, colour(at)] as const), ["no answer", ink.gap] as const];
  return entries
    .map(([words, fill], at) => {
      const x = plot.left + at * 90;
      return `${rectangle({ x, y: y - 2, width: 10, height: 10, fill })}${text(x + 15, y + 7, words, 'font-size="10"')}`;
    })
    .join("\n");
}

type Scale = (ms: number) => number;

/** From ms to pixels, kept within the plot. */
function scaleOf({ fromMs, toMs }: Pick<Picture, "fromMs" | "toMs">): Scale {
  const perMs = (plot.right - plot.left) / (toMs - fromMs);
  return (ms) => round(plot.left + (Math.min(Math.max(ms, fromMs), toMs) - fromMs) * perMs);
}

function isShown({ fromMs, toMs }: Pick<Picture, "fromMs" | "toMs">, ms: number): boolean {
  return ms >= fromMs && ms <= toMs;
}

function between(x: Scale, { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }) {
  return { width: round(x(toMs) - x(fromMs)) };
}

function colour(at: number): string {
  return colours[at % colours.length] ?? ink.faint;
}

function rectangle({
  opacity = 1,
  ...fields
}: Readonly<Record<"x" | "y" | "width" | "height", number>> & {
  readonly fill: string;
  readonly opacity?: number;
}): string {
  const attributes = Object.entries(fields).map(([name, value]) => `${name}="${value}"`);
  return `<rect ${attributes.join(" ")}${opacity === 1 ? "" : ` fill-opacity="${opacity}"`}/>`;
}

function text(x: number, y: number, words: string, attributes: string): string {
  return `<text x="${x}" y="${y}" ${attributes}>${escapeXml(words)}</text>`;
}

function escapeXml(words: string): string {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

function round(pixels: number): number {
  return Math.round(pixels * 10) / 10;
}
