// Turns the picture into pixels, where the library for it and a font are installed.

import { globSync } from "node:fs";

const widthPixels = 1_440;
const fonts = [
  "/usr/share/fonts/**/*.{ttf,otf}",
  "/usr/local/share/fonts/**/*.{ttf,otf}",
  "/System/Library/Fonts/*.ttf",
];

/** @returns null: text could not be drawn here, or nothing at all */
export async function toPng(svg: string): Promise<Uint8Array | null> {
  if (fonts.every((pattern) => globSync(pattern).length === 0)) return null;
  try {
    const { Resvg } = await import("@resvg/resvg-js");
    const options = {
      fitTo: { mode: "width", value: widthPixels },
      font: { defaultFontFamily: "DejaVu Sans" },
    } as const;
    return new Resvg(svg, options).render().asPng();
  } catch {
    return null;
  }
}
