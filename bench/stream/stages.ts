/**
 * The stages of the stream benchmark: which cases share a process and run in parallel, and which need the machine for
 * themselves.
 */

import type { CaseContext, NotSupported } from "./cases/case.ts";
import { crowdCase } from "./cases/crowd.ts";
import { faultsCase } from "./cases/faults.ts";
import { goneCase } from "./cases/gone.ts";
import { type GroupResult, groupCase } from "./cases/group.ts";
import { longTextCase } from "./cases/long-text.ts";
import { manyChatsCase } from "./cases/many-chats.ts";
import { privateCase } from "./cases/private.ts";
import { otherChatsCase, secondMessageCase } from "./cases/second-message.ts";
import { stopCase } from "./cases/stop.ts";
import { tooManyRequestsCase } from "./cases/too-many-requests.ts";
import { toolPauseCase } from "./cases/tool-pause.ts";
import { createEnvironment } from "./environment.ts";
import type { CaseName, CaseResults, SubjectResults } from "./results.ts";
import { type Subject, startSubject } from "./subject.ts";

/** Telegram's limit, for subjects that count their calls over all chats. */
const CALLS_PER_SECOND = 30;

export interface Selection {
  seed: string;
  isSelected(name: CaseName): boolean;
  /** Numbers of concurrent chats for the case "many". */
  chats: readonly number[];
  log(line: string): void;
}

/** A running subject with its own environment. */
interface SubjectRun {
  context: CaseContext;
  results: SubjectResults;
  close(): Promise<void>;
}

async function startSubjectRun(subject: Subject, seed: string): Promise<SubjectRun> {
  const environment = await createEnvironment({ limits: "telegram" });
  const running = await startSubject(subject, environment, { callsPerSecond: CALLS_PER_SECOND });
  return {
    context: { environment, running, seed },
    results: {},
    async close() {
      await running.stop();
      await environment.close();
    },
  };
}

/**
 * The cases with few chats. First the private chat and the group's first reply of each subject, one subject at a time. Then all
 * other cases for all subjects in parallel, because they mostly wait.
 */
export async function fewChatsStage(subjects: readonly Subject[], selection: Selection): Promise<SubjectResults[]> {
  const subjectRuns: SubjectRun[] = [];
  try {
    const remaining: (() => Promise<unknown>)[] = [];
    for (const subject of subjects) {
      const subjectRun = await startSubjectRun(subject, selection.seed);
      subjectRuns.push(subjectRun);
      selection.log(`${subject.label}: private chat and group`);
      remaining.push(await runQuietCases(subjectRun, selection));
    }
    selection.log("all other cases with few chats, about two minutes");
    await Promise.all(remaining.map((run) => run()));
    return subjectRuns.map(({ results }) => results);
  } finally {
    for (const subjectRun of subjectRuns) await subjectRun.close();
  }
}

/** Runs the cases that need a quiet machine. @returns a function that runs the others, in parallel with other subjects. */
async function runQuietCases(subjectRun: SubjectRun, selection: Selection): Promise<() => Promise<unknown>> {
  const { context, results } = subjectRun;
  const [, continueGroup] = await Promise.all([
    keep(results, "private", selection, () => privateCase(context)),
    selection.isSelected("group") ? startGroup(context) : null,
  ]);
  return () =>
    Promise.all([
      continueGroup && keep(results, "group", selection, continueGroup),
      keep(results, "429", selection, () => tooManyRequestsCase(context)),
      keep(results, "long", selection, () => longTextCase(context)),
      keep(results, "second", selection, () => secondMessageCase(context)),
      runLockingCases(subjectRun, selection),
    ]);
}

/** One after the other, because both lock the same table. */
async function runLockingCases({ context, results }: SubjectRun, selection: Selection): Promise<void> {
  await keep(results, "tool", selection, () => toolPauseCase(context));
  await keep(results, "stop", selection, () => stopCase(context));
}

async function startGroup(context: CaseContext): Promise<() => Promise<GroupResult | NotSupported>> {
  if (context.running.subject.name === "grammy-stream") {
    return async () => ({ notSupported: "drafts are for private chats only" });
  }
  return groupCase(context);
}

/** Cases that may disturb the whole process: faults, then lost chats. Each subject has a new process. */
export function faultsStage(subjects: readonly Subject[], selection: Selection): Promise<SubjectResults[]> {
  selection.log("faults and lost chats, about a minute and a half");
  const measure = async (subject: Subject) => {
    const subjectRun = await startSubjectRun(subject, selection.seed);
    try {
      await keep(subjectRun.results, "faults", selection, () => faultsCase(subjectRun.context));
      await keep(subjectRun.results, "gone", selection, () => goneCase(subjectRun.context));
      return subjectRun.results;
    } finally {
      await subjectRun.close();
    }
  };
  return Promise.all(subjects.map(measure));
}

/** 200 chats at once; and in another process, questions while 100 chats stream. Nothing else runs meanwhile. */
export async function crowdStage(subject: Subject, selection: Selection): Promise<SubjectResults> {
  const results: SubjectResults = {};
  if (selection.isSelected("crowd")) {
    results.crowd = await runAlone(subject, selection, "200 chats at once", crowdCase);
  }
  if (selection.isSelected("others")) {
    results.others = await runAlone(subject, selection, "questions while 100 chats stream", otherChatsCase);
  }
  return results;
}

async function runAlone<T>(
  subject: Subject,
  selection: Selection,
  title: string,
  measure: (context: CaseContext) => Promise<T>,
): Promise<T> {
  selection.log(`${subject.label}: ${title}`);
  const subjectRun = await startSubjectRun(subject, selection.seed);
  try {
    return await measure(subjectRun.context);
  } finally {
    await subjectRun.close();
  }
}

/** 1 to 1,000 concurrent chats without rate limits, one number after the other. */
export async function manyChatsStage(subject: Subject, selection: Selection): Promise<SubjectResults> {
  if (!selection.isSelected("many")) return {};
  const many = [];
  for (const chats of selection.chats) {
    selection.log(`${subject.label}: ${chats} chats at once, no limits`);
    many.push(await manyChatsCase(subject, selection.seed, chats));
  }
  return { many };
}

async function keep<Name extends CaseName>(
  results: SubjectResults,
  name: Name,
  selection: Selection,
  measure: () => Promise<CaseResults[Name]>,
): Promise<void> {
  if (selection.isSelected(name)) results[name] = await measure();
}
