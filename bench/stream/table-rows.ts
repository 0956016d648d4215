/** The rows of the table: the target of each case, and the text for a subject's result. */
import type { NotSupported } from "./cases/case.ts";
import type { CrowdResult } from "./cases/crowd.ts";
import type { FaultResult } from "./cases/faults.ts";
import type { GoneResult } from "./cases/gone.ts";
import type { SubjectResults } from "./results.ts";

export interface Row {
  title: string;
  target: string;
  /** Undefined if the case was not run. */
  cell(results: SubjectResults): string | undefined;
}

export const CASE_ROWS: readonly Row[] = [
  {
    title: "private chat, mean staleness",
    target: "<= 567 ms (1.05 x the minimum of 540)",
    cell: ({ private: result }) =>
      result && `${ms(result.meanStalenessMs)}, ${result.refused} x 429, ${result.writes} writes${faults(result)}`,
  },
  {
    title: "first text after the first token",
    target: "<= 100 ms",
    cell: ({ private: result }) => result && ms(result.firstTextMs),
  },
  {
    title: "idle group, mean staleness of the first reply",
    target: "<= 594 ms (1.10 x 540)",
    cell: ({ group }) => unless(group, (result) => `${ms(result.first.meanStalenessMs)}${faults(result.first)}`),
  },
  {
    title: "group, most calls in any 60 s during two minutes of questions",
    target: "<= 20",
    cell: ({ group }) =>
      unless(group, (result) => {
        const unfinished = result.isComplete ? "" : ", **last reply incomplete**";
        return `${result.mostCallsInAMinute}, ${result.refused} x 429, ${result.meanStalenessMs.length} replies${unfinished}`;
      }),
  },
  ...[3, 8, 40].flatMap((seconds) => [300, 598].map((atToken) => freezeRow(seconds, atToken))),
  {
    title: "tool call of 6 s, worst staleness before it",
    target: "<= 1,080 ms (one interval)",
    cell: ({ tool }) =>
      tool && `${ms(tool.worstStalenessBeforeMs)}${faults(tool)}${tool.isComplete ? "" : ", **incomplete**"}`,
  },
  {
    title: "status line while the tool runs",
    target: "after 700 ms, removed at the end",
    cell: ({ tool }) =>
      tool &&
      (tool.statusAfterMs === null
        ? "none"
        : `${ms(tool.statusAfterMs)}, ${tool.isStatusLeft ? "**not removed**" : "removed"}`),
  },
  ...[0, 1].map(longRow),
  {
    title: "connection reset before or after a call, 500, 502; at the first, a middle and the last write",
    target: "correct final text, at most one duplicate, only where Telegram's response was lost",
    cell: ({ faults: results }) => results && faultsCell(results),
  },
  goneRow("message deleted by the person", "messageDeleted"),
  goneRow("bot blocked", "botBlocked"),
  goneRow("chat gone", "chatGone"),
  {
    title: "group upgraded to a supergroup",
    target: "complete text in the new chat, once; no endless retries in the old one",
    cell: ({ gone }) =>
      unless(gone?.groupUpgraded, (result) => {
        const { isWholeInNewChat, messagesInNewChat } = result;
        const text = isWholeInNewChat ? "complete, once" : `**not complete** (messages: ${messagesInNewChat})`;
        return `${text}; ${callsAfter(result)}`;
      }),
  },
  {
    title: "200 chats at once, mean staleness",
    target: "<= 1.1 x the ideal at 30/s, no 429",
    cell: ({ crowd }) => {
      if (!crowd) return undefined;
      const { chats, incomplete, refused, meanStalenessMs, idealStalenessMs } = crowd;
      // The mean covers shown tokens only, so it means nothing if most were not shown.
      if (incomplete > 0) return `**${incomplete} of ${chats} replies incomplete** after 45 s, ${refused} x 429`;
      const ratio = (meanStalenessMs / idealStalenessMs).toFixed(2);
      return `${ms(meanStalenessMs)} (${ratio} x ${ms(idealStalenessMs)}), ${refused} x 429`;
    },
  },
  {
    title: "- worst chat's mean / overall mean",
    target: "<= 1.5",
    cell: ({ crowd }) =>
      ifComplete(crowd, (result) => `${result.worstOverMean} (${result.idealWorstOverMean} in the ideal schedule)`),
  },
  {
    title: "- first and final writes delayed by interim edits",
    target: "0 and 0",
    cell: ({ crowd }) => ifComplete(crowd, (result) => `${result.overtakenStarts} and ${result.overtakenFinals}`),
  },
  stopRow("stop button while streaming", "whileStreaming"),
  stopRow("stop button while a tool runs", "whileToolRuns"),
  stopRow("/stop while a second question waits", "whileQueued"),
  {
    title: "second message during the first answer",
    target: "accepted immediately, answered next",
    cell: ({ second }) =>
      second &&
      `${second.acceptedMs === null ? "not accepted" : `accepted after ${ms(second.acceptedMs)}`}, ${second.isAnswered ? (second.isInOrder ? "answered next" : "answered at the same time") : "**not answered**"}${faults(second)}`,
  },
  {
    title: "another chat while 100 stream: update to model request",
    target: "<= 50 ms",
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
    target: "all text once, 0 calls during it, final <= 250 ms after",
    cell(results) {
      const result = results["429"]?.find((each) => each.seconds === seconds && each.atToken === atToken);
      if (!result) return undefined;
      const final = result.finalAfterWindowMs === null ? "**no final**" : `final +${ms(result.finalAfterWindowMs)}`;
      return `${final}, ${result.insideWindow} during it${faults(result)}`;
    },
  };
}

function longRow(index: number): Row {
  return {
    title: `${index === 0 ? "9,600" : "40,000"} characters of Markdown`,
    target: "fewest messages, no word lost or repeated, no edit of a finished message",
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
  const unexplained = sumOf(({ doubledElsewhere }) => doubledElsewhere);
  return [
    `${sumOf(({ right }) => right)} of ${replies} correct${wrong.length > 0 ? ` (**${wrong.join(", ")}**)` : ""}`,
    `${sumOf(({ doubled }) => doubled)} duplicates${unexplained > 0 ? ` (**${unexplained} without a lost response**)` : ""}`,
    ...(met < replies ? [`**the fault occurred in ${met} only**`] : []),
  ].join(", ");
}

function goneRow(title: string, key: "messageDeleted" | "botBlocked" | "chatGone"): Row {
  return {
    title: `${title} at token 200 of 600`,
    target: "no endless retries",
    cell: ({ gone }) => unless(gone?.[key], callsAfter),
  };
}

function callsAfter(result: GoneResult): string {
  return `calls in the 10 s after: ${result.callsAfter} (${result.refusedAfter} refused)`;
}

function stopRow(title: string, key: "whileStreaming" | "whileToolRuns" | "whileQueued"): Row {
  return {
    title,
    target: "< 300 ms",
    cell: ({ stop }) =>
      unless(stop, (results) => {
        const { abortedMs, markedMs } = results[key];
        const aborted = abortedMs === null ? "" : `model request aborted after ${ms(abortedMs)}, `;
        return `${aborted}marked after ${ms(markedMs)}`;
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
  return `${lost > 0 ? `, **${lost} lost**` : ""}${doubled > 0 ? `, **${doubled} repeated**` : ""}`;
}

function ms(value: number | null): string {
  return value === null ? "**never**" : `${Math.round(value).toLocaleString("en")} ms`;
}
