/**
 * The vocabulary of the seeded conversations, the most frequent words first. The long tail has artificial words.
 *
 * A text contains the word of rank n with a probability proportional to 1/n (Zipf's law). It is the same in every run.
 */

const ENGLISH = `the of and to in is you that it for was on are with they at be this have from or one had by word but not what all were
  we when your can said there use an each which she do how their if will up other about out many then them these so some her would
  make like him into time has look two more write go see number no way could people my than first water been call who oil its now
  find long down day did get come made may part coffee stock revenue sales product beans milk oat order orders today yesterday week
  month profit margin cost price category low empty restock supplier arabica robusta latte espresso cappuccino croissant sandwich
  tea sugar cup lid straw napkin receipt refund discount average best worst Saturday Sunday Monday morning evening compared percent
  higher lower pace Friday November December staff shift counter till opening closing delivery invoice forecast`;

const VIETNAMESE = `là và của có không cho những được một trong người các với đã này khi để ra đến thì ở cũng như lại về vào nhiều sau
  còn làm phải trên đi năm việc từ nhưng rồi ngày bạn tôi hôm nay hàng hết bán bao nhiêu doanh thu cà phê sữa đá đen nâu bạc xỉu trà đào
  cam sả vải bánh mì kho tồn nhập giá vốn lợi nhuận gộp đơn khách quán chi phí tuần tháng qua trước trung bình tăng giảm phần trăm món
  chạy nhất ly nắp ống hút đường yến mạch hạt rang xay pha máy quầy ca sáng chiều tối thứ bảy chủ nhật hai ba tư sáu hóa đơn hoàn trả
  khuyến mãi nhà cung cấp sắp cần đặt thêm ngay mai kiểm tra số lượng còn bán chạy ế ẩm phở bún chè xôi`;

const SYLLABLES: Record<Language, readonly string[]> = {
  en: "ba cor den fil gra hol jas kel lum mon nor pel quin ros sal tor ul ven wes yar zin mar tol bri cas dor el fen".split(
    " ",
  ),
  vi: "bảo cẩm điền giang hương khánh lộc mỹ ngọc oanh phúc quế sơn thảo uyên vân xuân yến đông thủy trúc lài hồng".split(
    " ",
  ),
};

/** Large enough for words of every frequency. */
export const WORDS_PER_LANGUAGE = 10_000;

export type Language = "en" | "vi";

/** The words of a language, the most frequent first. */
export function vocabularyOf(language: Language): string[] {
  const head = [...new Set((language === "en" ? ENGLISH : VIETNAMESE).split(/\s+/))];
  const tail = Array.from({ length: WORDS_PER_LANGUAGE - head.length }, (_, index) => makeWord(language, index));
  return [...head, ...tail];
}

/** Three syllables, which are the digits of the number, so that every number gives a different word. */
function makeWord(language: Language, number: number): string {
  const syllables = SYLLABLES[language];
  const size = syllables.length;
  // A step that is coprime to the number of words, so that neighbouring words start differently.
  const mixed = (number * 7_919) % size ** 3;
  return [mixed % size, Math.floor(mixed / size) % size, Math.floor(mixed / size ** 2)]
    .map((place) => syllables[place])
    .join("");
}
