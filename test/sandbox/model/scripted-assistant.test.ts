import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createModelStandIn, type ModelStandIn } from "../../../sandbox/model/model-stand-in.ts";
import { createScriptedAssistant } from "../../../sandbox/model/scripted-assistant.ts";

let standIn: ModelStandIn;
let client: OpenAI;

beforeAll(async () => {
  standIn = await createModelStandIn({ answer: createScriptedAssistant() });
  client = new OpenAI({ baseURL: standIn.url, apiKey: "sk-test", maxRetries: 0 });
});

afterAll(() => standIn.close());

type Item = OpenAI.Responses.ResponseInputItem;

const EN_NOTE = "_Scripted answer from the sandbox, not from a model._";
const VI_NOTE = "_Câu trả lời theo kịch bản của sandbox, không phải của mô hình AI._";

const STOCK = {
  stock_as_of: "2026-11-22T10:00:00+07:00",
  out_of_stock: [
    { name: "Oat milk", sku: "OAT", stock: 0, reorder_level: 6, sold_a_day: 1.5, days_of_cover: 0 },
    { name: "Arabica *beans* 1 kg", sku: "ARA", stock: 0, reorder_level: 5, sold_a_day: 2.25, days_of_cover: 0 },
  ],
  low_stock: [{ name: "Sữa đặc", sku: "SUA", stock: 3, reorder_level: 8, sold_a_day: 2, days_of_cover: 1.5 }],
  out_of_stock_count: 2,
  low_stock_count: 1,
};

const SATURDAY = {
  date: "2026-11-21",
  weekday: "Saturday",
  status: "complete",
  note: "",
  currency: "VND",
  orders: 41,
  units: 63,
  gross_sales: 1915000,
  gross_sales_text: "1.915.000 ₫",
  discounts: 0,
  discounts_text: "0 ₫",
  refunds: 45000,
  refunds_text: "45.000 ₫",
  net_revenue: 1870000,
  net_revenue_text: "1.870.000 ₫",
  cost_of_goods: 540000,
  cost_of_goods_text: "540.000 ₫",
  gross_profit: 1120000,
  gross_profit_text: "1.120.000 ₫",
  uncosted: { products: 3, net_revenue: 210000, net_revenue_text: "210.000 ₫" },
  average_order_value: 45610,
  average_order_value_text: "45.610 ₫",
  previous_day: {
    date: "2026-11-20",
    weekday: "Friday",
    status: "complete",
    net_revenue: 2055000,
    net_revenue_text: "2.055.000 ₫",
    change_percent: -9,
    change_text: "−9 %",
  },
  same_weekday_last_week: {
    date: "2026-11-14",
    weekday: "Saturday",
    status: "complete",
    net_revenue: 1670000,
    net_revenue_text: "1.670.000 ₫",
    change_percent: 12,
    change_text: "+12 %",
  },
  data_through: "2026-11-22T09:40:00+07:00",
};

const tools: OpenAI.Responses.FunctionTool[] = [
  {
    type: "function",
    name: "CheckOutOfStock",
    strict: true,
    parameters: { type: "object", properties: {}, required: [], additionalProperties: false },
  },
  {
    type: "function",
    name: "CheckDailyRevenue",
    strict: true,
    parameters: {
      type: "object",
      properties: { date: { type: "string" } },
      required: ["date"],
      additionalProperties: false,
    },
  },
];

interface Request {
  readonly question: string;
  readonly earlier?: readonly Item[];
  readonly personLanguage?: "en" | "vi";
  readonly offered?: readonly OpenAI.Responses.FunctionTool[];
  /** The tools' outputs by name. */
  readonly outputs?: Readonly<Record<string, unknown>>;
}

/** Runs rounds until the assistant calls no more tools, as the product does. */
async function ask({ question, earlier = [], personLanguage = "en", offered = tools, outputs = {} }: Request) {
  const instructions = `You are the Assistant.\nToday is Sunday, 2026-11-22.\nLanguage of the person: ${personLanguage}.`;
  const input: Item[] = [...earlier, { role: "user", content: question }];
  const asked: string[][] = [];
  for (;;) {
    const request = { model: "gpt-6-luna", store: false, instructions, input, tools: [...offered] };
    const { output, output_text: answer } = await client.responses.create(request);
    const round = output.filter((item) => item.type === "function_call");
    if (round.length === 0) return { asked, answer };
    asked.push(round.map((call) => `${call.name} ${call.arguments}`));
    for (const call of round) {
      const result = JSON.stringify(outputs[call.name] ?? { error: "no output in this test" });
      input.push(call, { type: "function_call_output", call_id: call.call_id, output: result });
    }
  }
}

const stockCall = "CheckOutOfStock {}";
const revenueCall = (date: string) => `CheckDailyRevenue {"date":"${date}"}`;

test.each([
  "what's running out?",
  "What’s running out?",
  "low stock",
  "what are we out of?",
  "hết sữa chưa?",
  "what should I order",
  "Do we need to reorder anything today?",
  "hết hàng chưa?",
  "cái gì sắp hết?",
  "cần nhập gì",
  "can nhap gi hom nay",
  "tồn kho thế nào",
  "món nào sắp hết",
])("%s asks for the stock only", async (question) => {
  const { asked } = await ask({ question, outputs: { CheckOutOfStock: STOCK } });

  expect(asked).toEqual([[stockCall]]);
});

test.each([
  ["how was yesterday?", ["2026-11-21"]],
  ["revenue on 14/11", ["2026-11-14"]],
  ["how much did we make last Friday?", ["2026-11-20"]],
  ["what's the revenue?", ["2026-11-22"]],
  ["14/11", ["2026-11-14"]],
  ["doanh thu hôm qua", ["2026-11-21"]],
  ["hom kia ban duoc bao nhieu", ["2026-11-20"]],
  ["lợi nhuận ngày 14 tháng 11?", ["2026-11-14"]],
  ["compare yesterday and last Friday", ["2026-11-21", "2026-11-20"]],
  ["so sánh hôm qua với hôm kia", ["2026-11-21", "2026-11-20"]],
])("%s asks for the revenue of these days in one round", async (question, dates) => {
  const { asked } = await ask({ question, outputs: { CheckDailyRevenue: SATURDAY } });

  expect(asked).toEqual([dates.map(revenueCall)]);
});

test.each([
  "what's running out, and how was yesterday?",
  "what's low, and yesterday's revenue?",
  "hết hàng gì, và hôm qua bán được bao nhiêu?",
])("%s asks for both tools in one round and answers both", async (question) => {
  const { asked, answer } = await ask({ question, outputs: { CheckOutOfStock: STOCK, CheckDailyRevenue: SATURDAY } });

  expect(asked).toEqual([[stockCall, revenueCall("2026-11-21")]]);
  expect(answer).toContain("Oat milk");
  expect(answer).toContain("**1.870.000 ₫**");
});

const earlierStock: Item[] = [
  { role: "user", content: "what's running out?" },
  { role: "assistant", content: "2 products are out of stock." },
];
const earlierRevenue: Item[] = [
  { role: "user", content: "doanh thu 14/11?" },
  { role: "assistant", content: "1.870.000 ₫" },
];

test.each([
  ["and yesterday?", earlierStock, ["2026-11-21"]],
  ["còn hôm kia?", earlierRevenue, ["2026-11-20"]],
  ["còn lợi nhuận?", earlierRevenue, ["2026-11-14"]],
  ["compare with yesterday", earlierRevenue, ["2026-11-21", "2026-11-14"]],
])("%s refers to the earlier question", async (question, earlier, dates) => {
  const { asked } = await ask({ question, earlier, outputs: { CheckDailyRevenue: SATURDAY } });

  expect(asked).toEqual([dates.map(revenueCall)]);
});

test("the stock answer names the products, what to order first and the time, in English", async () => {
  const { answer } = await ask({ question: "what's running out?", outputs: { CheckOutOfStock: STOCK } });

  expect(answer).toBe(
    [
      "**2 products are out of stock, 1 is low.**",
      "Out of stock:",
      "- **Oat milk**: 0 of 6, sells 1.5 a day\n- **Arabica \\*beans\\* 1 kg**: 0 of 5, sells 2.3 a day",
      "Running low:",
      "- **Sữa đặc**: 3 of 8, sells 2 a day, lasts about 1.5 days",
      "Order **Arabica \\*beans\\* 1 kg** first: it sells 2.3 a day and none is left.",
      "Stock as of 10:00.",
      EN_NOTE,
    ].join("\n\n"),
  );
});

test("a Vietnamese question about stock is answered in Vietnamese, even if the person's language is English", async () => {
  const { answer } = await ask({ question: "sắp hết gì?", personLanguage: "en", outputs: { CheckOutOfStock: STOCK } });

  expect(answer).toContain("**2 mặt hàng đã hết, 1 mặt hàng sắp hết.**");
  expect(answer).toContain("- **Sữa đặc**: còn 3 (mức đặt hàng lại 8), bán 2 mỗi ngày, đủ khoảng 1,5 ngày");
  expect(answer.endsWith(VI_NOTE)).toBe(true);
});

test("a long list shows ten products and counts the rest", async () => {
  const products = Array.from({ length: 12 }, (_, index) => ({ name: `Product ${index + 1}`, stock: 0 }));
  const output = { out_of_stock: products, low_stock: [], out_of_stock_count: 25, low_stock_count: 0 };

  const { answer } = await ask({ question: "low stock", outputs: { CheckOutOfStock: output } });

  expect(answer).toContain("- **Product 10**: 0\n- and 15 more");
  expect(answer).not.toContain("Product 11");
});

test("a day's answer copies the figures and names the products without a cost", async () => {
  const { answer } = await ask({ question: "how was yesterday?", outputs: { CheckDailyRevenue: SATURDAY } });

  expect(answer).toBe(
    "Saturday 21 November brought **1.870.000 ₫** from 41 orders. " +
      "Compared with Friday (2.055.000 ₫): −9 %; the Saturday before (1.670.000 ₫): +12 %. " +
      "Gross profit on products with a cost: **1.120.000 ₫**; 3 products (210.000 ₫) have no cost yet. " +
      `63 units sold, average order 45.610 ₫, refunds 45.000 ₫.\n\n${EN_NOTE}`,
  );
});

test("several days are a list of short lines", async () => {
  const { answer } = await ask({ question: "compare yesterday and today", outputs: { CheckDailyRevenue: SATURDAY } });

  const line =
    "- Saturday 21 November brought **1.870.000 ₫** from 41 orders. " +
    "Gross profit on products with a cost: **1.120.000 ₫**; 3 products (210.000 ₫) have no cost yet.";
  expect(answer).toBe(`${line}\n${line}\n\n${EN_NOTE}`);
});

test("a day that could not be looked up is named by the requested date", async () => {
  const { answer } = await ask({ question: "hôm kia?", outputs: { CheckDailyRevenue: { error: "Too slow." } } });

  expect(answer).toContain("**Không xem được doanh thu Thứ Sáu, 20 tháng 11:** Too slow.");
});

test("a bare date is answered in the person's language", async () => {
  const { answer } = await ask({ question: "21/11", personLanguage: "vi", outputs: { CheckDailyRevenue: SATURDAY } });

  expect(answer).toContain("Thứ Bảy, 21 tháng 11 thu về **1.870.000 ₫** từ 41 đơn.");
  expect(answer).toContain("3 mặt hàng (210.000 ₫) chưa có giá vốn");
});

test.each([
  [
    "so_far",
    { as_of: "10:00", net_revenue_text: "300.000 ₫", orders: 1 },
    /so far \(until 10:00\), brought \*\*300\.000 ₫\*\* from 1 order\./,
  ],
  [
    "partly_imported",
    { net_revenue_text: "300.000 ₫" },
    /Only part of this day has been imported \(the data ends on Friday 20 November\)/,
  ],
  [
    "not_imported",
    {},
    /^\*\*Sunday 22 November has not been imported yet\*\*, so its revenue is unknown: the data ends on Friday 20 November\./,
  ],
  ["future", {}, /^\*\*Sunday 22 November is in the future\*\*/],
  ["complete", {}, /There are no figures for Sunday 22 November/],
])("a day with the status %s is described as such, without missing figures", async (status, figures, expected) => {
  const output = { date: "2026-11-22", status, data_through: "2026-11-20T21:40:00+07:00", ...figures };

  const { answer } = await ask({ question: "today's revenue", outputs: { CheckDailyRevenue: output } });

  expect(answer).toMatch(expected);
  expect(answer).not.toMatch(/undefined|null|NaN|\?\?/);
});

test("a failed tool is named with its reason, and the other part is answered", async () => {
  const { answer } = await ask({
    question: "what's running out, and how was yesterday?",
    outputs: { CheckOutOfStock: { error: "The database did not answer in time." }, CheckDailyRevenue: SATURDAY },
  });

  expect(answer).toContain("**Could not check the stock:** The database did not answer in time.");
  expect(answer).toContain("**1.870.000 ₫**");
});

test("a tool that is not offered is not called, and the answer says so", async () => {
  const { asked, answer } = await ask({
    question: "what's running out, and how was yesterday?",
    offered: tools.slice(0, 1),
    outputs: { CheckOutOfStock: STOCK },
  });

  expect(asked).toEqual([[stockCall]]);
  expect(answer).toContain("I have no access to the revenue here");
});

test.each([
  ["hello", /Hello!.*what is out of stock/s, EN_NOTE],
  ["xin chào", /Xin chào!.*doanh thu/s, VI_NOTE],
  ["thanks!", /You're welcome/, EN_NOTE],
  ["write me a poem about the sea", /scripted stand-in, not a real model.*revenue/s, EN_NOTE],
  ["kể chuyện cười đi", /theo kịch bản, không phải mô hình AI thật.*hết hàng|hàng đã hết/s, VI_NOTE],
  ["revenue on 31/02", /^\*\*31\/02\*\* is not a valid date/, EN_NOTE],
  ["doanh thu ngày 31/02", /31\/02\*\* không phải là ngày hợp lệ/, VI_NOTE],
  ["revenue last month", /only look up single days/, EN_NOTE],
  ["doanh thu tháng này", /chỉ xem được từng ngày/, VI_NOTE],
])("%s is answered without a tool", async (question, expected, note) => {
  const { asked, answer } = await ask({ question });

  expect(asked).toEqual([]);
  expect(answer).toMatch(expected);
  expect(answer.endsWith(note)).toBe(true);
});

test("more than seven days are cut to seven, and the answer says so", async () => {
  const { asked, answer } = await ask({ question: "last 9 days", outputs: { CheckDailyRevenue: SATURDAY } });

  expect(asked[0]).toHaveLength(7);
  expect(answer).toContain("I only looked up the first 7 days and left out 2 more.");
});
