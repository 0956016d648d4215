/** Writes the table and the chart next to the raw results. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { drawStaleness } from "./chart.ts";
import type { StreamResults } from "./results.ts";
import { SUBJECTS } from "./subject.ts";
import { writeTable } from "./table.ts";

const RESULTS = fileURLToPath(new URL("../results/", import.meta.url));

/** `bench/results/stream.md` */
export function saveTable(results: StreamResults): void {
  save("stream.md", writeTable(results));
}

/** `bench/results/stream.svg`: staleness over time in the private chat. */
export function saveChart(results: StreamResults): void {
  const lines = SUBJECTS.flatMap(({ name, label }) => {
    const measured = results[name]?.private;
    if (!measured) return [];
    const points = measured.series.filter((point): point is [number, number] => point[1] !== null);
    return [{ label, meanMs: measured.meanStalenessMs, points }];
  });
  save("stream.svg", drawStaleness(lines));
}

function save(name: string, content: string): void {
  writeFileSync(`${RESULTS}${name}`, content);
  console.log(`bench/results/${name}`);
}
