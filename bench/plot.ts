/** The ratios to the native server as bars on a logarithmic scale. @module */
import { type Outcome, ratio } from "./report.ts";

const LEFT = 360;
const WIDTH = 480;
const BAR = 14;
const COLORS = ["#e0a100", "#8a6d00", "#c9b458", "#5b8def", "#777777"];

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
    for (const [i, { peer }] of outcome.figures.entries()) {
      const times = ratio(outcome, peer, "native") ?? 0;
      // A quarter of native stands at the left edge.
      const part = Math.log(Math.max(times, 0.25) * 4) / Math.log(most * 4);
      const color = COLORS[i % COLORS.length];
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
