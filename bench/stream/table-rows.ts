/** The rows of the table: what must be, and what of a subject's results says whether it is. */
import type { NotSupported } from "./cases/case.ts";
import type { CrowdResult } from "./cases/crowd.ts";
import type { FaultResult } from "./cases/faults.ts";
import type { GoneResult } from "./cases/gone.ts";
import type { SubjectResults } from "./results.ts";

export interface Row {
  title: string;
  mustBe: string;
  /** Undefined where the case was not run. */
  cell(results: SubjectResults): string | undefined;
}

export const CASE_ROWS: readonly Row[] = [
  {
    title: "private chat, mean staleness",
    mustBe: "<= 567 ms (1.05 x the floor of 540)",
    cell: ({ private: result }) =>
      result && `${ms(result.meanStalenessMs)}, ${result.refused} x 429, ${result.writes} writes${faults(result)}`,
  },
  {
    title: "first text after the first token",
    mustBe: "<= 100 ms",
    cell: ({ private: result }) => result && ms(result.firstTextMs),
  },
  {
    title: "group, mean staleness of an idle group's first reply",
    mustBe: "<= 594 ms (1.10 x 540)",
    cell: ({ group }) => unless(group, (result) => `${ms(result.first.meanStalenessMs)}${faults(result.first)}`),
  },
  {
    title: "most calls in any 60 s, questions for two minutes",
    mustBe: "<= 20",
    cell: ({ group }) =>
      unless(group, (result) => {
        const unfinished = result.isComplete ? "" : ", **last reply incomplete**";
        return `${result.mostCallsInAMinute}, ${result.refused} x 429, ${result.meanStalenessMs.length} replies${unfinished}`;
      }),
  },
  ...[3, 8, 40].flatMap((seconds) => [300, 598].map((atToken) => freezeRow(seconds, atToken))),
  {
    title: "tool pause of 6 s, worst staleness before it",
    mustBe: "<= 1,080 ms (one interval)",
    cell: ({ tool }) =>
      tool && `${ms(tool.worstStalenessBeforeMs)}${faults(tool)}${tool.isComplete ? "" : ", **incomplete**"}`,
  },
  {
    title: "status line while the tool runs",
    mustBe: "after 700 ms, gone at the end",
    cell: ({ tool }) =>
      tool &&
      (tool.statusAfterMs === null ? "none" : `${ms(tool.statusAfterMs)}, ${tool.isStatusLeft ? "**left**" : "gone"}`),
  },
  ...[0, 1].map(longRow),
  {
    title:
      "connection reset before and after, 500, 502: at the first, a middle and the last write (a timeout: in the tests)",
    mustBe: "final text right, at most one double, only where Telegram's answer was lost",
    cell: ({ faults: results }) => results && faultsCell(results),
  },
  goneRow("message deleted by the person", "messageDeleted"),
  goneRow("bot blocked", "botBlocked"),
  goneRow("chat gone", "chatGone"),
  {
    title: "group becomes a supergroup",
    mustBe: "whole text in the new chat, once; no retries for ever in the old one",
    cell: ({ gone }) =>
      unless(gone?.groupUpgraded, (result) => {
        const { isWholeInNewChat, messagesInNewChat } = result;
        const shown = isWholeInNewChat ? "whole, once" : `**not whole** (messages: ${messagesInNewChat})`;
        return `${shown}; ${callsAfter(result)}`;
      }),
  },
  {
    title: "200 chats at once, mean staleness",
    mustBe: "<= 1.1 x what 30/s allow, no 429",
    cell: ({ crowd }) => {
      if (!crowd) return undefined;
      const { chats, incomplete, refused, meanStalenessMs, idealStalenessMs } = crowd;
      // What the mean would be of is the part that was shown: it says nothing where most was not.
      if (incomplete > 0) return `**${incomplete} of ${chats} replies incomplete** after 45 s, ${refused} x 429`;
      const ratio = (meanStalenessMs / idealStalenessMs).toFixed(2);
      return `${ms(meanStalenessMs)} (${ratio} x ${ms(idealStalenessMs)}), ${refused} x 429`;
    },
  },
  {
    title: "- worst chat's mean over the mean",
    mustBe: "<= 1.5",
    cell: ({ crowd }) =>
      ifComplete(crowd, (result) => `${result.worstOverMean} (${result.idealWorstOverMean} in a perfect schedule)`),
  },
  {
    title: "- starts and finals that waited behind interim edits",
    mustBe: "0 and 0",
    cell: ({ crowd }) => ifComplete(crowd, (result) => `${result.overtakenStarts} and ${result.overtakenFinals}`),
  },
  stopRow("stop button while streaming", "whileStreaming"),
  stopRow("stop button while a tool runs", "whileToolRuns"),
  stopRow("/stop while a second question waits", "whileQueued"),
  {
    title: "second message while the first is answered",
    mustBe: "accepted at once, answered next",
    cell: ({ second }) =>
      second &&
      `${second.acceptedMs === null ? "not accepted" : `accepted after ${ms(second.acceptedMs)}`}, ${second.isAnswered ? (second.isInOrder ? "answered next" : "answered at the same time") : "**not answered**"}${faults(second)}`,
  },
  {
    title: "another chat while 100 stream: update to the model's request",
    mustBe: "<= 50 ms",
    cell: ({ others }) =>
      others &&
      (others.toModelMs.count === 0
        ? `**none of ${others.notAsked} within 10 s**`
        : `${ms(others.toModelMs.p50)} (worst ${ms(others.toModelMs.max)})${others.notAsked > 0 ? `, **${others.notAsked} not within 10 s**` : ""}`),
  },
];

function freezeRow(seconds: number, atToken: number): Row {
  return {
    title: `429 for ${seconds} s, at token ${atToken} of 600`,
    mustBe: "all text once, 0 calls inside, final <= 250 ms after",
    cell(results) {
      const result = results["429"]?.find((each) => each.seconds === seconds && each.atToken === atToken);
      if (!result) return undefined;
      const final = result.finalAfterWindowMs === null ? "**no final**" : `final +${ms(result.finalAfterWindowMs)}`;
      return `${final}, ${result.insideWindow} inside${faults(result)}`;
    },
  };
}

function longRow(index: number): Row {
  return {
    title: `${index === 0 ? "9,600" : "40,000"} characters of Markdown`,
    mustBe: "fewest messages, no word lost or doubled, no edit of a finished one",
    cell({ long }) {
      const result = long?.[index];
      if (!result) return undefined;
      const { messages, editsOfFinished, refused, isComplete } = result;
      const unfinished = isComplete ? "" : ", **incomplete**";
      return `${messages} ${messages === 1 ? "message" : "messages"}, ${editsOfFinished} late edits, ${refused} refused${faults(result)}${unfinished}`;
    },
  };
}

function faultsCell(results: readonly FaultResult[]): string {
  const sumOf = (figure: (result: FaultResult) => number) => results.reduce((sum, each) => sum + figure(each), 0);
  const replies = sumOf((each) => each.replies);
  const wrong = results
    .filter(({ right, replies }) => right < replies)
    .map(({ fault, right, replies }) => `${fault}: ${right} of ${replies}`);
  const met = sumOf((each) => each.met);
  const elsewhere = sumOf(({ doubledElsewhere }) => doubledElsewhere);
  return [
    `${sumOf(({ right }) => right)} of ${replies} right${wrong.length > 0 ? ` (**${wrong.join(", ")}**)` : ""}`,
    `${sumOf(({ doubled }) => doubled)} doubled${elsewhere > 0 ? ` (**${elsewhere} where no answer was lost**)` : ""}`,
    ...(met < replies ? [`**fault met by ${met} only**`] : []),
  ].join(", ");
}

function goneRow(title: string, key: "messageDeleted" | "botBlocked" | "chatGone"): Row {
  return {
    title: `${title} at token 200 of 600`,
    mustBe: "no retries for ever",
    cell: ({ gone }) => unless(gone?.[key], callsAfter),
  };
}

function callsAfter(result: GoneResult): string {
  return `calls in the 10 s after: ${result.callsAfter} (${result.refusedAfter} refused)`;
}

function stopRow(title: string, key: "whileStreaming" | "whileToolRuns" | "whileQueued"): Row {
  return {
    title,
    mustBe: "< 300 ms",
    cell: ({ stop }) =>
      unless(stop, (results) => {
        const { abortedMs, markedMs } = results[key];
        const aborted = abortedMs === null ? "" : `model's request ended ${ms(abortedMs)}, `;
        return `${aborted}marked ${ms(markedMs)}`;
      }),
  };
}

function unless<T extends object>(result: T | NotSupported | undefined, cell: (result: T) => string) {
  if (!result) return undefined;
  return "notSupported" in result ? `not supported: ${result.notSupported}` : cell(result);
}

function ifComplete(crowd: CrowdResult | undefined, cell: (result: CrowdResult) => string): string | undefined {
  return crowd && crowd.incomplete === 0 ? cell(crowd) : undefined;
}

function faults({ lost, doubled = 0 }: { lost: number; doubled?: number }): string {
  return `${lost > 0 ? `, **${lost} lost**` : ""}${doubled > 0 ? `, **${doubled} doubled**` : ""}`;
}

function ms(value: number | null): string {
  return value === null ? "**never**" : `${Math.round(value).toLocaleString("en")} ms`;
}
