import { expect, test } from "vitest";
import { BadInputError } from "../../src/errors.ts";
import {
  changePercent,
  currencyDecimals,
  divideRounded,
  formatMoney,
  lineAmount,
  minorToDecimal,
  parseMinor,
  parseQuantity,
  quantityText,
} from "../../src/shop/money.ts";
import { fc } from "../support/property.ts";

const CURRENCIES = ["VND", "USD", "JPY", "BHD"];

test("a currency has the decimals of its minor unit", () => {
  expect(CURRENCIES.map(currencyDecimals)).toEqual([0, 2, 0, 3]);
});

test("a plain decimal becomes minor units, with any number of trailing zeros", () => {
  expect(parseMinor("187000", "VND")).toBe(187_000n);
  expect(parseMinor("187000.00", "VND")).toBe(187_000n);
  expect(parseMinor("4.5", "USD")).toBe(450n);
  expect(parseMinor("-4.50", "USD")).toBe(-450n);
  expect(parseMinor("0.005", "BHD")).toBe(5n);
  expect(parseMinor("9007199254740993", "VND")).toBe(9_007_199_254_740_993n);
});

test("text that is not a plain decimal, or has too many decimals, is rejected and quoted", () => {
  for (const text of ["", "4,50", "1.000.000", "1e3", "$4", "٤", "+4", " 4", ".5", "5.", "--4", "NaN"]) {
    expect(() => parseMinor(text, "USD")).toThrow(new BadInputError(`"${text}" is not a plain decimal number`));
  }
  expect(() => parseMinor("4.505", "USD")).toThrow('"4.505" has more decimals than USD allows (2)');
  expect(() => parseQuantity("0.0001")).toThrow('"0.0001" has more decimals than a quantity allows (3)');
});

test("minor units survive formatting and parsing, in every currency and of any size", () => {
  fc.assert(
    fc.property(fc.bigInt(), fc.constantFrom(...CURRENCIES), (minor, currency) => {
      expect(parseMinor(minorToDecimal(minor, currency), currency)).toBe(minor);
      expect(parseQuantity(quantityText(minor))).toBe(minor);
    }),
  );
});

test("a decimal has all the decimals of its currency", () => {
  expect(minorToDecimal(187_000n, "VND")).toBe("187000");
  expect(minorToDecimal(450n, "USD")).toBe("4.50");
  expect(minorToDecimal(-5n, "USD")).toBe("-0.05");
  expect(minorToDecimal(0n, "USD")).toBe("0.00");
  expect(quantityText(-250n)).toBe("-0.250");
});

test("a line's amount is rounded to the minor unit, half away from zero", () => {
  expect(lineAmount(250n, 379_002n)).toBe(94_751n);
  expect(lineAmount(-250n, 379_002n)).toBe(-94_751n);
  expect(lineAmount(333n, 450n)).toBe(150n);
  expect(lineAmount(1n, 499n)).toBe(0n);
  expect(lineAmount(-1n, 500n)).toBe(-1n);
});

test("a division is at most half a unit off, and symmetric around zero", () => {
  const parts = fc.bigInt({ min: 1n, max: 10n ** 12n });
  fc.assert(
    fc.property(fc.bigInt(), parts, (amount, count) => {
      const share = divideRounded(amount, count);
      const rest = 2n * (amount - share * count);
      expect(rest >= -count && rest <= count).toBe(true);
      expect(divideRounded(-amount, count)).toBe(-share);
      expect(divideRounded(amount, -count)).toBe(-share);
    }),
  );
});

test("an amount of any size is formatted exactly, in the shop's locale", () => {
  const vnd = { locale: "vi-VN", currency: "VND" };

  expect(formatMoney(187_000n, vnd)).toBe("187.000\u00a0₫");
  expect(formatMoney(-9_007_199_254_740_993n, vnd)).toBe("-9.007.199.254.740.993\u00a0₫");
  expect(formatMoney(450n, { locale: "en-US", currency: "USD" })).toBe("$4.50");
  expect(formatMoney(123_456_789n, { locale: "de-DE", currency: "EUR" })).toBe("1.234.567,89\u00a0€");
});

test("a change is in percent of the absolute value before, with one decimal", () => {
  expect(changePercent(187n, 200n)).toBe(-6.5);
  expect(changePercent(2_003n, 2_000n)).toBe(0.2);
  expect(changePercent(1_997n, 2_000n)).toBe(-0.2);
  expect(changePercent(100n, -50n)).toBe(300);
  expect(changePercent(0n, 50n)).toBe(-100);
  expect(changePercent(50n, 50n)).toBe(0);
});

test("a change from zero has no percentage", () => {
  expect(changePercent(50n, 0n)).toBeNull();
  expect(changePercent(0n, 0n)).toBeNull();
});
