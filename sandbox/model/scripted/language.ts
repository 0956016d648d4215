/** Detects whether a text is English or Vietnamese, with or without accents. */

export type Language = "en" | "vi";

/** Lower case, without accents, straight apostrophes: `Hôm kia còn gì?` -> `hom kia con gi?`. */
export function fold(text: string): string {
  return text.toLowerCase().normalize("NFD").replaceAll(/\p{M}/gu, "").replaceAll("đ", "d").replaceAll("’", "'");
}

/** The language of `text`, or `fallback` if it shows none, such as a bare date. */
export function detectLanguage(text: string, fallback: Language): Language {
  if (VIETNAMESE_LETTERS.test(text.normalize("NFC"))) return "vi";
  const words = fold(text).match(/[a-z]+/g) ?? [];
  const vietnamese = words.filter((word) => VIETNAMESE_WORDS.has(word)).length;
  const english = words.filter((word) => ENGLISH_WORDS.has(word)).length;
  if (vietnamese === english) return fallback;
  return vietnamese > english ? "vi" : "en";
}

/** Letters that only Vietnamese uses among the languages expected here; `café` must not match. */
const VIETNAMESE_LETTERS = /[ăđơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịĩọỏốồổỗộớờởỡợụủũứừửữựỵỷỹ]|hôm|còn|chào|bán|tồn/iu;

const VIETNAMESE_WORDS: ReadonlySet<string> = new Set(
  (
    "hom nay qua kia doanh het sap hang chao xin ngay thang nam thu chu nhat bao nhieu the nao ton kho nhap con va gi ban " +
    "duoc loi nhuan tuan truoc cam ban oi voi so sanh can nen mua dat giup tien lai cua bua tam biet"
  ).split(" "),
);

const ENGLISH_WORDS: ReadonlySet<string> = new Set(
  (
    "what whats s is are was were the and or how much many did do we i you it a an of on in to for with yesterday today last " +
    "week day days stock low out running order revenue sales profit sold sell hello hi hey thanks thank help can should need " +
    "monday tuesday wednesday thursday friday saturday sunday compare compared versus vs about before ago january february " +
    "march april may june july august september october november december"
  ).split(" "),
);
