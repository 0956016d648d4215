/**
 * The stages of the stream benchmark: which cases share a process and run side by side, and which need the machine for
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
import type { CaseName, CaseResults, SubjectResults } from "./results.ts";
import { createScene } from "./environment.ts";
import { type Subject, startSubject } from "./subject.ts";

/** Telegram's own limit, for subjects that keep a count over all chats. */
const CALLS_PER_SECOND = 30;

export interface Wanted {
  seed: string;
  wants(name: CaseName): boolean;
  /** How many chats at once, for "many". */
  chats: readonly number[];
  log(line: string): void;
}

/** A running subject with a scene of its own. */
interface Stand {
  context: CaseContext;
  results: SubjectResults;
  close(): Promise<void>;
}

async function openStand(subject: Subject, seed: string): Promise<Stand> {
  const scene = await createScene({ limits: "telegram" });
  const running = await startSubject(subject, scene, { callsPerSecond: CALLS_PER_SECOND });
  return {
    context: { scene, running, seed },
    results: {},
    async close() {
      await running.stop();
      await scene.close();
    },
  };
}

/**
 * What takes few chats: for each subject the private chat and the group's first reply alone, then everything else for
 * all subjects side by side, most of which is waiting.
 */
export async function fewChatsStage(subjects: readonly Subject[], wanted: Wanted): Promise<SubjectResults[]> {
  const stands: Stand[] = [];
  try {
    const rests: (() => Promise<unknown>)[] = [];
    for (const subject of subjects) {
      const stand = await openStand(subject, wanted.seed);
      stands.push(stand);
      wanted.log(`${subject.label}: private chat and group`);
      rests.push(await quietCases(stand, wanted));
    }
    wanted.log("everything else with few chats, about two minutes");
    await Promise.all(rests.map((rest) => rest()));
    return stands.map(({ results }) => results);
  } finally {
    for (const stand of stands) await stand.close();
  }
}

/** @returns what may run beside other subjects. */
async function quietCases(stand: Stand, wanted: Wanted): Promise<() => Promise<unknown>> {
  const { context, results } = stand;
  const [, groupRest] = await Promise.all([
    keep(results, "private", wanted, () => privateCase(context)),
    wanted.wants("group") ? startGroup(context) : null,
  ]);
  return () =>
    Promise.all([
      groupRest && keep(results, "group", wanted, groupRest),
      keep(results, "429", wanted, () => tooManyRequestsCase(context)),
      keep(results, "long", wanted, () => longTextCase(context)),
      keep(results, "second", wanted, () => secondMessageCase(context)),
      keepInTurn(stand, wanted),
    ]);
}

/** Both lock the same table. */
async function keepInTurn({ context, results }: Stand, wanted: Wanted): Promise<void> {
  await keep(results, "tool", wanted, () => toolPauseCase(context));
  await keep(results, "stop", wanted, () => stopCase(context));
}

async function startGroup(context: CaseContext): Promise<() => Promise<GroupResult | NotSupported>> {
  if (context.running.subject.name === "grammy-stream") {
    return async () => ({ notSupported: "drafts are for private chats only" });
  }
  return groupCase(context);
}

/** What may upset a whole process, each subject in a fresh one: faults, then lost chats. */
export function faultsStage(subjects: readonly Subject[], wanted: Wanted): Promise<SubjectResults[]> {
  wanted.log("faults and lost chats, about a minute and a half");
  const measure = async (subject: Subject) => {
    const stand = await openStand(subject, wanted.seed);
    try {
      await keep(stand.results, "faults", wanted, () => faultsCase(stand.context));
      await keep(stand.results, "gone", wanted, () => goneCase(stand.context));
      return stand.results;
    } finally {
      await stand.close();
    }
  };
  return Promise.all(subjects.map(measure));
}

/** 200 chats, and on a process of its own 100 with others between them; nothing else runs meanwhile. */
export async function crowdStage(subject: Subject, wanted: Wanted): Promise<SubjectResults> {
  const results: SubjectResults = {};
  if (wanted.wants("crowd")) results.crowd = await alone(subject, wanted, "200 chats at once", crowdCase);
  if (wanted.wants("others")) {
    results.others = await alone(subject, wanted, "questions while 100 chats stream", otherChatsCase);
  }
  return results;
}

async function alone<T>(
  subject: Subject,
  wanted: Wanted,
  title: string,
  measure: (context: CaseContext) => Promise<T>,
): Promise<T> {
  wanted.log(`${subject.label}: ${title}`);
  const stand = await openStand(subject, wanted.seed);
  try {
    return await measure(stand.context);
  } finally {
    await stand.close();
  }
}

/** 1 to 1,000 chats without limits, one number after the other. */
export async function manyChatsStage(subject: Subject, wanted: Wanted): Promise<SubjectResults> {
  if (!wanted.wants("many")) return {};
  const many = [];
  for (const chats of wanted.chats) {
    wanted.log(`${subject.label}: ${chats} chats at once, no limits`);
    many.push(await manyChatsCase(subject, wanted.seed, chats));
  }
  return { many };
}

async function keep<Name extends CaseName>(
  results: SubjectResults,
  name: Name,
  wanted: Wanted,
  measure: () => Promise<CaseResults[Name]>,
): Promise<void> {
  if (wanted.wants(name)) results[name] = await measure();
}
