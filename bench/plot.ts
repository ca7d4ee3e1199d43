/** The ratios to the native server as bars on a logarithmic scale. @module */
import { type Outcome, ratio } from "./report.ts";

const LEFT = 360;
const WIDTH = 480;
const BAR = 14;
/** The servers that the plot shows, and their colors. */
const COLORS: Readonly<Record<string, string>> = {
  "pool": "#e0a100",
  "pool, copy": "#c9b458",
  "pool over native": "#8a6d00",
  "native": "#777777",
  "ws in Deno": "#5b8def",
  "ws": "#3a62b0",
  "Bun": "#aaaaaa",
};

/** The text of an SVG file. What was measured without the native server is left out. */
export function plot(all: readonly Outcome[]): string {
  const outcomes = all.filter((outcome) =>
    ratio(outcome, "native", "native") !== undefined
  );
  const bars: string[] = [];
  const most = Math.max(
    2,
    ...outcomes.flatMap((o) =>
      o.figures.map((f) => ratio(o, f.peer, "native") ?? 0)
    ),
  );
  let y = 10;
  for (const outcome of outcomes) {
    bars.push(
      `<text x="4" y="${
        y + BAR
      }" font-weight="bold">${outcome.workload.name}</text>`,
    );
    y += BAR + 6;
    for (const { peer } of outcome.figures) {
      const color = COLORS[peer];
      if (color === undefined) continue;
      const times = ratio(outcome, peer, "native") ?? 0;
      // A quarter of native stands at the left edge.
      const part = Math.log(Math.max(times, 0.25) * 4) / Math.log(most * 4);
      bars.push(
        `<text x="${LEFT - 8}" y="${y + 11}" text-anchor="end">${peer}</text>`,
        `<rect x="${LEFT}" y="${y}" width="${
          (part * WIDTH).toFixed(1)
        }" height="${BAR - 2}" fill="${color}"/>`,
        `<text x="${(LEFT + part * WIDTH + 6).toFixed(1)}" y="${y + 11}">${
          times.toFixed(2)
        }</text>`,
      );
      y += BAR;
    }
    y += 10;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${
    LEFT + WIDTH + 80
  }" height="${y}" font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#ffffff"/>${
    bars.join("")
  }</svg>\n`;
}
