/**
 * `npm run bench -- stream`: how late text is shown, measured side by side for the product and two libraries.
 *
 *   npm run bench -- stream --only private,group --subject ours     a part: printed, not saved
 *   npm run bench -- stream --only many --chats 100                 numbers of chats for "many"
 *
 * Cases: private, group, 429, tool, long, stop, second, faults, gone, crowd, others, many. Subjects: ours, chat-sdk,
 * grammy-stream.
 * A token's time is when the model's stand-in hands it to the socket; it is shown when Telegram's stand-in accepts a write
 * that contains it. Both run here, so that one clock measures everything; each subject is a process of its own.
 */
import { parseArgs } from "node:util";
import { installPeers } from "../install-peers.ts";
import { saveResults } from "../report.ts";
import { MANY_CHATS } from "./cases/many-chats.ts";
import { savePicture, saveTable } from "./report-files.ts";
import { CASES, type StreamResults, type SubjectResults } from "./results.ts";
import { LATENCY_MS } from "./environment.ts";
import { crowdStage, faultsStage, fewChatsStage, manyChatsStage, type Wanted } from "./stages.ts";
import { SUBJECTS, type Subject } from "./subject.ts";

const SEED = "counterhand stream";
const FEW_CHATS_CASES = ["private", "group", "429", "tool", "long", "stop", "second"] as const;
const FAULTS_CASES = ["faults", "gone"] as const;

/** Runs it; a whole run is kept in `bench/results/stream.{json,md,svg}`. */
export async function benchStream(args: readonly string[]): Promise<void> {
  const { wanted, subjects, isWhole } = readArguments(args);
  if (subjects.some(({ name }) => name !== "ours")) installPeers("peers");
  const startedAt = performance.now();
  const results: StreamResults = {};
  const add = (subject: Subject, measured: SubjectResults) => {
    results[subject.name] = { ...results[subject.name], ...measured };
  };

  if (FEW_CHATS_CASES.some(wanted.wants)) {
    const measured = await fewChatsStage(subjects, wanted);
    for (const [index, subject] of subjects.entries()) add(subject, measured[index] ?? {});
  }
  if (FAULTS_CASES.some(wanted.wants)) {
    const measured = await faultsStage(subjects, wanted);
    for (const [index, subject] of subjects.entries()) add(subject, measured[index] ?? {});
  }
  for (const subject of subjects) add(subject, await crowdStage(subject, wanted));
  for (const subject of subjects) add(subject, await manyChatsStage(subject, wanted));

  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  if (!isWhole) {
    console.log(JSON.stringify(withoutSeries(results), null, 2));
    return;
  }
  saveResults("stream", { seed: SEED, latencyMs: LATENCY_MS, seconds, results });
  saveTable(results);
  savePicture(results);
}

function readArguments(args: readonly string[]): { wanted: Wanted; subjects: readonly Subject[]; isWhole: boolean } {
  const options = { only: { type: "string" }, subject: { type: "string" }, chats: { type: "string" } } as const;
  const { values } = parseArgs({ args: [...args], options });
  const only = known("--only", values.only?.split(","), CASES);
  const names = known(
    "--subject",
    values.subject?.split(","),
    SUBJECTS.map(({ name }) => name),
  );
  return {
    wanted: {
      seed: SEED,
      wants: (name) => only === undefined || only.includes(name),
      chats: values.chats?.split(",").map(Number) ?? MANY_CHATS,
      log: (line) => console.log(line),
    },
    subjects: SUBJECTS.filter(({ name }) => names === undefined || names.includes(name)),
    isWhole: Object.keys(values).length === 0,
  };
}

function known(option: string, given: string[] | undefined, names: readonly string[]): string[] | undefined {
  const wrong = given?.filter((name) => !names.includes(name)) ?? [];
  if (wrong.length > 0) throw new Error(`${option}: there is no ${wrong.join(", ")}. There are: ${names.join(", ")}.`);
  return given;
}

/** For the terminal: the series is for the picture. */
function withoutSeries(results: StreamResults): object {
  return JSON.parse(JSON.stringify(results, (key, value) => (key === "series" ? undefined : value)));
}
