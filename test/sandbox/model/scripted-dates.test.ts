import { expect, test } from "vitest";
import { findDates } from "../../../sandbox/model/scripted/find-dates.ts";
import { fold } from "../../../sandbox/model/scripted/language.ts";

/** A Sunday. */
const today = Temporal.PlainDate.from("2026-11-22");

test.each([
  ["how was yesterday?", ["2026-11-21"]],
  ["today's revenue", ["2026-11-22"]],
  ["the day before yesterday", ["2026-11-20"]],
  ["tomorrow", ["2026-11-23"]],
  ["last Friday", ["2026-11-20"]],
  ["Friday last week", ["2026-11-13"]],
  ["last week's Friday", ["2026-11-13"]],
  ["on Monday", ["2026-11-16"]],
  ["on mon", ["2026-11-16"]],
  ["Sunday", ["2026-11-22"]],
  ["last Sunday", ["2026-11-15"]],
  ["next Friday", ["2026-11-27"]],
  ["14/11", ["2026-11-14"]],
  ["on 14/11?", ["2026-11-14"]],
  ["14/11/2025", ["2025-11-14"]],
  ["14/11/25", ["2025-11-14"]],
  ["14-11-2025", ["2025-11-14"]],
  ["14.11.2025", ["2025-11-14"]],
  ["2026-11-14", ["2026-11-14"]],
  ["22/11", ["2026-11-22"]],
  ["23/11", ["2025-11-23"]],
  ["25/12", ["2025-12-25"]],
  ["29/02", ["2024-02-29"]],
  ["14 November", ["2026-11-14"]],
  ["14th of November 2025", ["2025-11-14"]],
  ["November 14th, 2025", ["2025-11-14"]],
  ["Nov 14", ["2026-11-14"]],
  ["Saturday 14 November", ["2026-11-14"]],
  ["Saturday the 14th", ["2026-11-14"]],
  ["the 30th", ["2026-10-30"]],
  ["3 days ago", ["2026-11-19"]],
  ["a week ago", ["2026-11-15"]],
  ["compare yesterday and last Friday", ["2026-11-21", "2026-11-20"]],
  ["yesterday, 21/11 and the 20th", ["2026-11-21", "2026-11-20"]],
  ["last 3 days", ["2026-11-19", "2026-11-20", "2026-11-21"]],
  ["from 14/11 to 16/11", ["2026-11-14", "2026-11-15", "2026-11-16"]],
  ["revenue of 2 shops, 1/2 kg beans", []],
])("%s is understood in English", (question, expected) => {
  const { dates, impossible } = findDates(fold(question), today);

  expect(dates.map(String)).toEqual(expected);
  expect(impossible).toEqual([]);
});

test.each([
  ["hôm qua bán được bao nhiêu?", ["2026-11-21"]],
  ["hom qua ban duoc bao nhieu", ["2026-11-21"]],
  ["hôm nay thế nào", ["2026-11-22"]],
  ["còn hôm kia?", ["2026-11-20"]],
  ["tối qua", ["2026-11-21"]],
  ["ngày mai", ["2026-11-23"]],
  ["thứ sáu tuần trước", ["2026-11-13"]],
  ["thu sau tuan truoc", ["2026-11-13"]],
  ["thứ 6", ["2026-11-20"]],
  ["thứ Hai", ["2026-11-16"]],
  ["t2", ["2026-11-16"]],
  ["chủ nhật", ["2026-11-22"]],
  ["chu nhat tuan truoc", ["2026-11-15"]],
  ["CN vừa rồi", ["2026-11-15"]],
  ["thứ tư tuần này", ["2026-11-18"]],
  ["ngày 14 tháng 11", ["2026-11-14"]],
  ["ngay 14 thang 11", ["2026-11-14"]],
  ["14 tháng 11 năm 2025", ["2025-11-14"]],
  ["mùng 1 tháng 11", ["2026-11-01"]],
  ["doanh thu ngày 14/11", ["2026-11-14"]],
  ["ngày 14", ["2026-11-14"]],
  ["thứ bảy 14/11", ["2026-11-14"]],
  ["3 ngày trước", ["2026-11-19"]],
  ["cách đây hai ngày", ["2026-11-20"]],
  ["doanh thu ba ngày qua", ["2026-11-19", "2026-11-20", "2026-11-21"]],
  ["doanh thu thứ ba", ["2026-11-17"]],
  ["so sánh hôm qua với hôm kia", ["2026-11-21", "2026-11-20"]],
  ["từ thứ hai đến thứ tư", ["2026-11-16", "2026-11-17", "2026-11-18"]],
  ["doanh thu", []],
  ["món nào sắp hết", []],
  ["mon nao sap het", []],
])("%s is understood in Vietnamese", (question, expected) => {
  const { dates, impossible } = findDates(fold(question), today);

  expect(dates.map(String)).toEqual(expected);
  expect(impossible).toEqual([]);
});

test.each([
  ["revenue on 31/02", "31/02"],
  ["31/02/2026", "31/02/2026"],
  ["11/14", "11/14"],
  ["30 February", "30 february"],
  ["ngày 31 tháng 4", "ngay 31 thang 4"],
  ["2026-13-01", "2026-13-01"],
])("%s is not a valid date", (question, words) => {
  const { dates, impossible } = findDates(fold(question), today);

  expect(dates).toEqual([]);
  expect(impossible).toEqual([words]);
});
