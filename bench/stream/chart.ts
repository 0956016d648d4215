/**
 * The chart of staleness over time: one line per subject, and the theoretical minimum. A small SVG without a library, readable on
 * light and dark backgrounds.
 */
import { FLOOR_MS } from "./cases/case.ts";

export interface Line {
  label: string;
  meanMs: number;
  /** Milliseconds since the first token, and the staleness of the token sent at that time. */
  points: [atMs: number, stalenessMs: number][];
}

const WIDTH = 820;
const HEIGHT = 380;
const LEFT = 70;
/** The left edge of the title and the legend. */
const EDGE = 15;
const RIGHT = 20;
const TOP = 50;
const BOTTOM = 50;
/** Colours that also differ in lightness, with contrast on white and on black. */
const COLOURS = ["#2da44e", "#d9730d", "#8b6cef"];
const TEXT = "#808890";
const GRID = "#80889055";
const STEPS_MS = [250, 500, 1_000, 2_000, 5_000, 10_000];

/** The chart as an SVG document. */
export function drawStaleness(lines: readonly Line[]): string {
  const all = lines.flatMap(({ points }) => points);
  const longestMs = Math.max(1_000, ...all.map(([atMs]) => atMs));
  const highestMs = Math.max(1_000, ...all.map(([, stalenessMs]) => stalenessMs));
  const x = (atMs: number) => tenths(LEFT + (atMs / longestMs) * (WIDTH - LEFT - RIGHT));
  const y = (stalenessMs: number) => tenths(HEIGHT - BOTTOM - (stalenessMs / highestMs) * (HEIGHT - TOP - BOTTOM));
  const step = STEPS_MS.find((each) => highestMs / each <= 6) ?? highestMs;
  const content = [
    ...ticks(highestMs, step).flatMap((ms) => [
      rule(LEFT, y(ms), WIDTH - RIGHT, y(ms)),
      label(LEFT - 8, y(ms) + 4, String(ms), "end"),
    ]),
    ...ticks(longestMs, 1_000).map((ms) => label(x(ms), HEIGHT - BOTTOM + 18, String(ms / 1_000), "middle")),
    label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, "seconds since the first token", "middle"),
    label(EDGE, TOP - 32, "milliseconds until a token is shown (the legend shows the mean)", "start"),
    `<line x1="${LEFT}" y1="${y(FLOOR_MS)}" x2="${WIDTH - RIGHT}" y2="${y(FLOOR_MS)}" stroke="${TEXT}" stroke-width="1.5" stroke-dasharray="6 5"/>`,
    ...lines.map((line, index) => path(line, { x, y }, colourOf(index))),
    ...legend(
      lines.map((line, index) => ({
        text: `${line.label}: ${Math.round(line.meanMs).toLocaleString("en")} ms`,
        colour: colourOf(index),
      })),
    ),
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="12" role="img">`,
    `<title>Staleness over time in a private chat: 600 tokens at 60 per second, 80 ms round trip to Telegram</title>`,
    ...content,
    "</svg>",
    "",
  ].join("\n");
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}

function ticks(maximum: number, step: number): number[] {
  return Array.from({ length: Math.floor(maximum / step) + 1 }, (_, index) => index * step);
}

function colourOf(index: number): string {
  return COLOURS[index % COLOURS.length] ?? TEXT;
}

function path(
  { points }: Line,
  { x, y }: { x: (ms: number) => number; y: (ms: number) => number },
  colour: string,
): string {
  const at = points.map(([atMs, stalenessMs]) => `${x(atMs)},${y(stalenessMs)}`);
  return `<polyline fill="none" stroke="${colour}" stroke-width="2" stroke-linejoin="round" points="${at.join(" ")}"/>`;
}

function legend(entries: readonly { text: string; colour: string }[]): string[] {
  const all = [...entries, { text: `minimum: ${FLOOR_MS} ms`, colour: TEXT }];
  return all.flatMap(({ text, colour }, index) => {
    const left = EDGE + index * ((WIDTH - EDGE - RIGHT) / all.length);
    const dash = index === entries.length ? ' stroke-dasharray="6 5"' : "";
    return [
      `<line x1="${left}" y1="${TOP - 14}" x2="${left + 18}" y2="${TOP - 14}" stroke="${colour}" stroke-width="3"${dash}/>`,
      `<text x="${left + 23}" y="${TOP - 10}" fill="${TEXT}" font-size="10.5">${escapeXml(text)}</text>`,
    ];
  });
}

function rule(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="${GRID}"/>`;
}

function label(x: number, y: number, text: string, anchor: "start" | "middle" | "end"): string {
  return `<text x="${x}" y="${y}" fill="${TEXT}" text-anchor="${anchor}">${escapeXml(text)}</text>`;
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
