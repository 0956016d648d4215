/**
 * `npm run bench -- stream`: the staleness of streamed text, for the product and two libraries.
 *
 *   npm run bench -- stream --only private,group --subject ours     some cases and subjects; printed, not saved
 *   npm run bench -- stream --only many --chats 100                 numbers of chats for the case "many"
 *
 * Cases: private, group, 429, tool, long, stop, second, faults, gone, crowd, others, many. Subjects: ours, chat-sdk,
 * grammy-stream.
 * A token is sent when the model stand-in writes it to the socket, and shown when the Telegram stand-in accepts a write that
 * contains it. Both run in this process, so that one clock measures everything. Each subject is a separate process.
 */
import { parseArgs } from "node:util";
import { installPeers } from "../install-peers.ts";
import { saveResults } from "../report.ts";
import { MANY_CHATS } from "./cases/many-chats.ts";
import { LATENCY_MS } from "./environment.ts";
import { saveChart, saveTable } from "./report-files.ts";
import { CASES, type StreamResults, type SubjectResults } from "./results.ts";
import { crowdStage, faultsStage, fewChatsStage, manyChatsStage, type Selection } from "./stages.ts";
import { SUBJECTS, type Subject } from "./subject.ts";

const SEED = "counterhand stream";
const FEW_CHATS_CASES = ["private", "group", "429", "tool", "long", "stop", "second"] as const;
const FAULTS_CASES = ["faults", "gone"] as const;

/** Runs the benchmark. A complete run is saved in `bench/results/stream.{json,md,svg}`. */
export async function benchStream(args: readonly string[]): Promise<void> {
  const { selection, subjects, isComplete } = readArguments(args);
  if (subjects.some(({ name }) => name !== "ours")) installPeers("peers");
  const startedAt = performance.now();
  const results: StreamResults = {};
  const add = (subject: Subject, measured: SubjectResults) => {
    results[subject.name] = { ...results[subject.name], ...measured };
  };

  if (FEW_CHATS_CASES.some(selection.isSelected)) {
    const measured = await fewChatsStage(subjects, selection);
    for (const [index, subject] of subjects.entries()) add(subject, measured[index] ?? {});
  }
  if (FAULTS_CASES.some(selection.isSelected)) {
    const measured = await faultsStage(subjects, selection);
    for (const [index, subject] of subjects.entries()) add(subject, measured[index] ?? {});
  }
  for (const subject of subjects) add(subject, await crowdStage(subject, selection));
  for (const subject of subjects) add(subject, await manyChatsStage(subject, selection));

  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  if (!isComplete) {
    console.log(JSON.stringify(withoutSeries(results), null, 2));
    return;
  }
  saveResults("stream", { seed: SEED, latencyMs: LATENCY_MS, seconds, results });
  saveTable(results);
  saveChart(results);
}

function readArguments(args: readonly string[]): {
  selection: Selection;
  subjects: readonly Subject[];
  isComplete: boolean;
} {
  const options = { only: { type: "string" }, subject: { type: "string" }, chats: { type: "string" } } as const;
  const { values } = parseArgs({ args: [...args], options });
  const only = checkNames("--only", values.only?.split(","), CASES);
  const names = checkNames(
    "--subject",
    values.subject?.split(","),
    SUBJECTS.map(({ name }) => name),
  );
  return {
    selection: {
      seed: SEED,
      isSelected: (name) => only === undefined || only.includes(name),
      chats: values.chats?.split(",").map(Number) ?? MANY_CHATS,
      log: (line) => console.log(line),
    },
    subjects: SUBJECTS.filter(({ name }) => names === undefined || names.includes(name)),
    isComplete: Object.keys(values).length === 0,
  };
}

function checkNames(option: string, names: string[] | undefined, known: readonly string[]): string[] | undefined {
  const unknown = names?.filter((name) => !known.includes(name)) ?? [];
  if (unknown.length > 0) {
    throw new Error(`${option}: unknown name ${unknown.join(", ")}. Choose from: ${known.join(", ")}.`);
  }
  return names;
}

/** For the terminal. The series is only for the chart. */
function withoutSeries(results: StreamResults): object {
  return JSON.parse(JSON.stringify(results, (key, value) => (key === "series" ? undefined : value)));
}
