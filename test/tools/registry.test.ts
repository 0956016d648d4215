import { expect, test } from "vitest";
import { z } from "zod";
import { findStrictFault } from "../../sandbox/model/strict-schema.ts";
import { STAFF_ROLES } from "../../src/shop/roles.ts";
import { createToolRegistry } from "../../src/tools/registry.ts";
import { defineTool } from "../../src/tools/tool.ts";

test("the tools have the names and arguments of the reference", () => {
  const tools = createToolRegistry(STAFF_ROLES);

  const required = [...tools.values()].map(({ name, parameters }) => [name, parameters.required ?? []]);
  expect(required).toEqual([
    ["CheckOutOfStock", []],
    ["CheckDailyRevenue", ["date"]],
  ]);
  expect([...tools.keys()]).toEqual([...tools.values()].map(({ name }) => name));
});

test("every tool's arguments meet OpenAI's strict mode", () => {
  const faults = [...createToolRegistry(STAFF_ROLES).values()].map(({ parameters }) => findStrictFault(parameters));

  expect(faults).toEqual([null, null]);
});

test("every tool has a label in both languages, and a name that OpenAI accepts", () => {
  for (const { name, label, description } of createToolRegistry(STAFF_ROLES).values()) {
    expect(name).toMatch(/^[\w-]{1,64}$/);
    expect(description).toMatch(/^\S.*\.$/);
    expect(label).toEqual({ en: expect.stringMatching(/\S/), vi: expect.stringMatching(/\S/) });
  }
});

test("only the revenue roles may ask for revenue, all staff for stock", () => {
  const tools = createToolRegistry(["owner"]);

  expect(tools.get("CheckDailyRevenue")?.allowedRoles).toEqual(["owner"]);
  expect(tools.get("CheckOutOfStock")?.allowedRoles).toEqual(["staff", "manager", "owner"]);
});

test("one text describes all faults of the arguments", () => {
  const tool = defineTool({
    name: "Order",
    description: "Orders.",
    label: { en: "Ordering", vi: "Đang đặt" },
    input: z.strictObject({ sku: z.string(), amount: z.int("must be a whole number") }),
    allowedRoles: STAFF_ROLES,
    execute: async () => ({}),
  });

  const parsed = tool.parse({ amount: 1.5, extra: true });

  expect(parsed).toEqual({ fault: expect.stringMatching(/extra.*sku.*must be a whole number.*amount/s) });
});
