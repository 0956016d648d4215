/** Long answers as models write them: sections with prose, bold, lists, code, some tables, Vietnamese and emoji. */
import { renderMarkdown } from "./markdown-rendering.ts";

/** Markdown that shows exactly `length` UTF-16 units as one text. */
export function answerOfLength(length: number): string {
  let markdown = "";
  for (let section = 1; ; section++) {
    const longer = `${markdown}${sectionOf(section)}\n\n`;
    if (shownLength(longer) > length - 10) break;
    markdown = longer;
  }
  let closing = "Tóm lại";
  for (let word = 1; shownLength(`${markdown}${closing}`) < length - 12; word++) closing += ` nhé ${word}.`;
  return `${markdown}${closing}${"!".repeat(length - shownLength(`${markdown}${closing}`))}`;
}

function shownLength(markdown: string): number {
  return renderMarkdown(markdown, { final: true }).text.length;
}

function sectionOf(number: number): string {
  const blocks = [
    `## ${number}. Tình hình kho số ${number} 📦`,
    prose(number),
    number % 3 === 0 ? steps(number) : items(number),
    ...(number % 4 === 1 ? [code(number)] : []),
    ...(number % 5 === 2 ? [table(number)] : []),
    prose(number + 0.5),
  ];
  return blocks.join("\n\n");
}

function prose(number: number): string {
  return [
    `Trong tuần ${number}, quán bán được **${number}.870.000 ₫** từ ${number * 41} đơn, nhiều hơn tuần trước *${number} %* (TP. HCM).`,
    `Món bán chạy nhất vẫn là **cà phê sữa đá** 🍵; nhóm 👩‍👩‍👧 thường gọi thêm \`combo_${number}\` vào cuối tuần!`,
    `Bạn có muốn đặt thêm hạt Arabica không? Nhà cung cấp giao trong ${number} ngày… Xem [bảng giá](https://shop.example/gia?q=${number}).`,
  ].join(" ");
}

function items(number: number): string {
  return Array.from(
    { length: 4 + (number % 3) },
    (_, index) =>
      `- **Món ${number}.${index}:** còn ${index * 7} ly, mức đặt lại ${index + 5}${index % 2 ? "\n  - ghi chú: _giao sáng sớm_" : ""}`,
  ).join("\n");
}

function steps(number: number): string {
  return ["Kiểm kho", "Đếm ly", "Đặt hàng", "Ghi sổ"]
    .map((step, index) => `${index + 1}. ${step} lần ${number}, trước **${index + 8}:30** sáng.`)
    .join("\n");
}

function code(number: number): string {
  const lines = ["name", "stock", "reorder_level"].map((column) => `  products.${column}, -- cột ${number}`);
  return ["```sql", "SELECT", ...lines, `FROM products WHERE stock < ${number};`, "```"].join("\n");
}

function table(number: number): string {
  const rows = [1, 2, 3].map((row) => `| Trà ${number}-${row} | ${row * number} |`);
  return ["| Món | SL |", "|---|--:|", ...rows].join("\n");
}
