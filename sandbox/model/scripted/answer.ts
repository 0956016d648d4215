/** Composes an answer: what could not be looked up, the stock, the days, and the note that no model wrote it. */

import type { Conversation, ToolResult } from "./conversation.ts";
import { nameDay } from "./day-names.ts";
import type { Language } from "./language.ts";
import type { LookUp, Plan, SmallTalk } from "./plan.ts";
import { MAX_DAYS } from "./plan.ts";
import { writeRevenue } from "./revenue-answer.ts";
import { writeStock } from "./stock-answer.ts";
import { readText } from "./tool-output.ts";

/** Markdown in the language of the question. */
export function writeAnswer(conversation: Conversation, plan: Plan): string {
  const { language } = conversation;
  const body = plan.kind === "look-up" ? writeLookUp(conversation, plan) : [writeSmallTalk(plan.kind, language)];
  return [...body, SCRIPTED_NOTE[language]].join("\n\n");
}

/** Ends every answer. */
const SCRIPTED_NOTE: Readonly<Record<Language, string>> = {
  en: "_Scripted answer from the sandbox, not from a model._",
  vi: "_Câu trả lời theo kịch bản của sandbox, không phải của mô hình AI._",
};

const ABILITIES: Readonly<Record<Language, string>> = {
  en: [
    "- what is out of stock or running low: *what's running out?*",
    "- revenue, profit and orders of a day: *how was yesterday?*, *revenue on 14/11*",
    "- how several days compare: *compare yesterday and last Friday*",
  ].join("\n"),
  vi: [
    "- hàng đã hết hoặc sắp hết: *cái gì sắp hết?*",
    "- doanh thu, lợi nhuận và số đơn của một ngày: *hôm qua bán được bao nhiêu?*, *doanh thu 14/11*",
    "- so sánh vài ngày với nhau: *so sánh hôm qua với thứ sáu tuần trước*",
  ].join("\n"),
};

const SMALL_TALK: Readonly<Record<Language, Readonly<Record<SmallTalk, string>>>> = {
  en: {
    greeting: `Hello! I look up figures in the shop's own data. Ask me about:\n\n${ABILITIES.en}`,
    thanks: "You're welcome.",
    "not-understood": `I did not understand that. I am a scripted stand-in, not a real model, and can only tell you:\n\n${ABILITIES.en}`,
  },
  vi: {
    greeting: `Xin chào! Tôi tra cứu số liệu của cửa hàng. Bạn có thể hỏi tôi về:\n\n${ABILITIES.vi}`,
    thanks: "Không có gì ạ.",
    "not-understood": `Tôi chưa hiểu câu này. Tôi trả lời theo kịch bản, không phải mô hình AI thật, nên chỉ trả lời được về:\n\n${ABILITIES.vi}`,
  },
};

function writeSmallTalk(kind: SmallTalk, language: Language): string {
  return SMALL_TALK[language][kind];
}

function writeLookUp(conversation: Conversation, plan: LookUp): string[] {
  const { language, toolResults, today } = conversation;
  const stock = toolResults.filter(({ name }) => name === "CheckOutOfStock");
  const days = toolResults.filter(({ name }) => name === "CheckDailyRevenue");
  return [
    ...writeNotes(plan, language),
    ...stock.map(({ output }) => writeStock(output, { language, today })),
    ...(plan.wantsStock && stock.length === 0 ? [NOT_OFFERED[language].stock] : []),
    ...writeDays(days, conversation),
    ...(plan.dates.length > 0 && days.length === 0 ? [NOT_OFFERED[language].revenue] : []),
  ];
}

const NOT_OFFERED: Readonly<Record<Language, { readonly stock: string; readonly revenue: string }>> = {
  en: {
    stock: "I have no access to the stock here, so I cannot answer that part.",
    revenue: "I have no access to the revenue here, so I cannot answer that part.",
  },
  vi: {
    stock: "Ở đây tôi không được xem tồn kho nên không trả lời được phần này.",
    revenue: "Ở đây tôi không được xem doanh thu nên không trả lời được phần này.",
  },
};

function writeNotes({ impossible, isTooLong, leftOut }: LookUp, language: Language): string[] {
  const notes = impossible.map((words) =>
    language === "vi"
      ? `**${words}** không phải là ngày hợp lệ (tôi đọc ngày trước, tháng sau).`
      : `**${words}** is not a valid date (I read the day first, then the month).`,
  );
  const tooLong =
    language === "vi"
      ? `Tôi chỉ xem được từng ngày, tối đa ${MAX_DAYS} ngày mỗi lần, không xem được cả tháng hay cả năm.`
      : `I can only look up single days, at most ${MAX_DAYS} at a time, not whole months or years.`;
  const cut =
    language === "vi"
      ? `Tôi chỉ xem ${MAX_DAYS} ngày đầu, còn ${leftOut} ngày chưa xem.`
      : `I only looked up the first ${MAX_DAYS} days and left out ${leftOut} more.`;
  return [...notes, ...(isTooLong ? [tooLong] : []), ...(leftOut > 0 ? [cut] : [])];
}

/** One day in full, or several as a list of short lines. */
function writeDays(days: readonly ToolResult[], { language, today }: Conversation): string[] {
  const isBrief = days.length > 1;
  const lines = days.map(({ output, date }) => {
    const named = readText(output, "date") ?? date;
    const dayName = named === null ? null : nameDay(named, today, language);
    return writeRevenue(output, { language, today, dayName, isBrief });
  });
  return isBrief ? [lines.map((line) => `- ${line}`).join("\n")] : lines;
}
