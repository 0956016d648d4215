/**
 * Every sentence of the bot itself, in English and Vietnamese.
 *
 * All are plain text, sent without a parse mode, so names and titles need no escaping. `stopped` and `faults` also end a
 * reply, where they are read as Markdown.
 */
import type { RunOutcome } from "../events.ts";
import type { StaffRole } from "../shop/roles.ts";

export const LANGUAGES = ["en", "vi"] as const;
export type Language = (typeof LANGUAGES)[number];

/** The language for a person, from the IETF tag that Telegram sends with their updates; it may be missing. */
export function pickLanguage(languageCode: string | undefined): Language {
  return /^vi(-|$)/i.test(languageCode ?? "") ? "vi" : "en";
}

/** The sentences in one language. */
export function textsIn(language: string): Texts {
  return language === "vi" ? vietnamese : english;
}

export type Texts = typeof english;

type FaultCode = keyof typeof english.faults;

/** The whole reply of a run as Markdown: the text of the model, and a sentence of the bot if the run did not complete. */
export function finalReply(language: string, outcome: RunOutcome, text: string): string {
  const texts = textsIn(language);
  const sentence = endSentence(texts, outcome);
  if (sentence === null) return text;
  return text.trim() === "" ? sentence : `${text}\n\n_${sentence}_`;
}

function endSentence(texts: Texts, { status, errorCode }: RunOutcome): string | null {
  if (status === "completed") return null;
  if (status === "cancelled") return texts.stopped;
  const known = errorCode !== null && Object.hasOwn(texts.faults, errorCode);
  return known ? texts.faults[errorCode as FaultCode] : texts.faults.INTERNAL;
}

const english = {
  buttons: { stock: "What's running out?", yesterday: "How was yesterday?", stop: "⏹ Stop", retry: "↻ Try again" },
  roles: { staff: "staff member", manager: "manager", owner: "owner" } satisfies Record<StaffRole, string>,
  commands: {
    start: "What I can do",
    new: "Start a new conversation",
    stop: "Stop the current answer",
    threads: "Continue an earlier conversation",
    help: "How to use me",
  },
  start: (shop: string, name: string) =>
    `Hello ${name}, I'm the assistant behind the counter at ${shop}. I can help you with three things:\n\n` +
    "• Inventory: which products are running out and need to be restocked\n" +
    "• Finance: revenue and profit of any day\n" +
    "• Operations: advice on working better, based on your own figures\n\n" +
    "Just ask in your own words.",
  help:
    "Ask me in your own words, for example “What's running out?” or “How did we do last Friday?”.\n\n" +
    "/new – start a new conversation\n/stop – stop the current answer\n/threads – continue an earlier conversation\n/help – show this message\n\n" +
    "In a group, mention me or reply to one of my messages.",
  ownerHelp:
    "\n\nFor owners:\n/invite staff, /invite manager, /invite owner – make an invite link for one person\n/remove – remove a person's access",
  newThread: "New conversation. What would you like to know?",
  alreadyNew: "This conversation is already new. What would you like to know?",
  stopped: "Stopped.",
  stopping: "Stopping…",
  nothingToStop: "There is nothing to stop.",
  onlyOwnStop: "Only the person who asked, or a manager, can stop this answer.",
  retrying: "Trying again.",
  nothingToRetry: "I can't try this one again. Please send your question once more.",
  retriedAlready: "This question has already been asked again.",
  noThreads: "There are no earlier conversations here yet. Just ask me something.",
  pickThread: "Which conversation would you like to continue?",
  resumed: (title: string) => `Continuing “${title}”. What would you like to know?`,
  threadGone: "I can't find that conversation any more. /threads lists your conversations.",
  stranger:
    "I'm a shop's assistant and can only talk to its staff. Please ask the owner for an invite link and open it here.",
  anonymous: "I can't see who is asking. Please write from your own account, not as the group or a channel.",
  joined: (shop: string, role: string) => `Welcome to ${shop}! You can start asking now. Your role: ${role}.`,
  inviteUsed: "This invite link has already been used. Please ask the owner for a new one.",
  inviteExpired: "This invite link has expired. Please ask the owner for a new one.",
  inviteUnknown: "I don't know this invite link. Please ask the owner for a new one.",
  alreadyStaff: (role: string) => `You already have access. Your role: ${role}.`,
  inviteStillGood: "The link still works for someone else.",
  ownersOnly: "Only an owner can do that.",
  privateOnly: "Please send me this command in our private chat.",
  inviteUsage: "Who is it for? Send /invite staff, /invite manager or /invite owner.",
  invite: (role: string, link: string, hours: number) =>
    `Invite link for one ${role}. It works once, within ${hours} hours. Forward it only to the person it is for:\n\n${link}`,
  removeWhom: "Whose access should I remove?",
  removeNobody: "There is nobody else to remove.",
  removed: (name: string) => `${name} no longer has access.`,
  removeUnknown: "I can't find a staff member with that name. Send /remove on its own to see everyone.",
  removeSelf: "You can't remove yourself. Another owner can do it.",
  removeConfigured: (name: string) =>
    `${name} is set as an owner in the configuration (OWNER_TELEGRAM_IDS). Remove them there first, then here.`,
  unsupported: "I can only read text messages. Please type your question.",
  attachmentIgnored: "I don't look at pictures or files, only at what you write.",
  empty: "Your message is empty. Please type your question.",
  tooLong: (limit: number) =>
    `That message is too long for me: I can read up to ${limit} characters. Please shorten it or send it in parts.`,
  tooMany: "That's more than I can answer at once. Please wait a minute, then ask again.",
  notProcessed: "Sorry, I couldn't process that message. Please try again in other words.",
  pressNotProcessed: "Sorry, that button didn't work. Please type what you need.",
  unknownCommand: "I don't know this command. /help shows what I can do.",
  checking: (labels: string) => `${labels}…`,
  faults: {
    MODEL_UNREACHABLE:
      "I can't reach my language model. Please ask again in a minute; if it keeps happening, tell your IT support.",
    MODEL_UNAVAILABLE: "My language model is not available right now. Please ask again in a few minutes.",
    MODEL_RATE_LIMITED: "My language model is too busy right now. Please ask again in a minute.",
    MODEL_QUOTA: "The credit for my language model has run out. Please ask the owner to top it up.",
    MODEL_REFUSED_KEY: "My language model refuses my access key. Please tell your IT support.",
    MODEL_REFUSED_REQUEST: "My language model's server does not accept my questions. Please tell your IT support.",
    MODEL_FAILED: "My language model failed while answering. Please ask again.",
    MODEL_STREAM_BROKEN: "The connection to my language model broke while it was answering. Please ask again.",
    MODEL_SILENT: "My language model stopped answering. Please ask again.",
    MODEL_TIMEOUT: "That took too long. Please ask again, one thing at a time.",
    MODEL_TOO_LONG: "The answer got too long, so I stopped here. Please ask one thing at a time.",
    MODEL_INPUT_TOO_LONG:
      "Your question and the shop's figures for it are too long for my language model. Please ask for less at once.",
    MODEL_TOOLS_AS_TEXT:
      "My language model's server is not set up for tool calls, so I cannot read the shop's figures. Please tell your IT support.",
    MODEL_CIRCUIT_OPEN: "My language model is not available right now. Please ask again in a minute.",
    MODEL_CUT_SHORT: "The answer was cut off here. Please ask one thing at a time, or say “continue”.",
    MODEL_EMPTY: "My language model gave no answer. Please ask again in other words.",
    TOO_MANY_ROUNDS: "I looked up many things but could not reach an answer. Please ask one thing at a time.",
    TOO_MANY_ATTEMPTS: "I tried several times, but it did not work. Please ask again, perhaps in other words.",
    INTERNAL: "Something went wrong on my side. Please ask again; if it keeps happening, tell your IT support.",
  },
};

const vietnamese: Texts = {
  buttons: { stock: "Món nào sắp hết?", yesterday: "Hôm qua bán thế nào?", stop: "⏹ Dừng", retry: "↻ Thử lại" },
  roles: { staff: "nhân viên", manager: "quản lý", owner: "chủ quán" },
  commands: {
    start: "Tôi giúp được gì",
    new: "Bắt đầu cuộc trò chuyện mới",
    stop: "Dừng câu trả lời đang viết",
    threads: "Tiếp tục cuộc trò chuyện cũ",
    help: "Cách sử dụng",
  },
  start: (shop, name) =>
    `Chào ${name}, tôi là trợ lý tại quầy của ${shop}. Tôi có thể giúp bạn ba việc:\n\n` +
    "• Kho: món nào sắp hết, cần nhập thêm\n" +
    "• Tài chính: doanh thu và lợi nhuận của từng ngày\n" +
    "• Vận hành: gợi ý để làm việc tốt hơn, dựa trên số liệu của quán\n\n" +
    "Bạn cứ hỏi tự nhiên nhé.",
  help:
    "Bạn cứ hỏi tự nhiên, ví dụ “món nào sắp hết?” hoặc “thứ sáu tuần trước bán thế nào?”.\n\n" +
    "/new – bắt đầu cuộc trò chuyện mới\n/stop – dừng câu trả lời đang viết\n/threads – tiếp tục cuộc trò chuyện cũ\n/help – xem hướng dẫn này\n\n" +
    "Trong nhóm, bạn nhắc tên tôi hoặc trả lời tin nhắn của tôi nhé.",
  ownerHelp:
    "\n\nDành cho chủ quán:\n/invite staff, /invite manager, /invite owner – tạo link mời cho một người\n/remove – thu hồi quyền sử dụng của một người",
  newThread: "Cuộc trò chuyện mới. Bạn muốn hỏi gì?",
  alreadyNew: "Đây đang là cuộc trò chuyện mới rồi. Bạn muốn hỏi gì?",
  stopped: "Đã dừng.",
  stopping: "Đang dừng…",
  nothingToStop: "Không có câu trả lời nào để dừng.",
  onlyOwnStop: "Chỉ người hỏi hoặc quản lý mới dừng được câu trả lời này.",
  retrying: "Đang thử lại.",
  nothingToRetry: "Tôi không thử lại được câu này. Bạn gửi lại câu hỏi nhé.",
  retriedAlready: "Câu hỏi này đã được hỏi lại rồi.",
  noThreads: "Ở đây chưa có cuộc trò chuyện nào. Bạn cứ hỏi tôi nhé.",
  pickThread: "Bạn muốn tiếp tục cuộc trò chuyện nào?",
  resumed: (title) => `Tiếp tục “${title}”. Bạn muốn hỏi gì?`,
  threadGone: "Tôi không tìm thấy cuộc trò chuyện đó nữa. Gõ /threads để xem danh sách.",
  stranger:
    "Tôi là trợ lý của một quán và chỉ trò chuyện với nhân viên của quán. Bạn xin chủ quán link mời rồi mở link tại đây nhé.",
  anonymous: "Tôi không biết ai đang hỏi. Bạn nhắn bằng tài khoản cá nhân nhé, đừng nhắn với tên nhóm hay kênh.",
  joined: (shop, role) => `Chào mừng bạn đến với ${shop}! Bạn có thể hỏi tôi ngay. Vai trò của bạn: ${role}.`,
  inviteUsed: "Link mời này đã được dùng rồi. Bạn xin chủ quán link mới nhé.",
  inviteExpired: "Link mời này đã hết hạn. Bạn xin chủ quán link mới nhé.",
  inviteUnknown: "Link mời này không đúng. Bạn xin chủ quán link mới nhé.",
  alreadyStaff: (role) => `Bạn đã có quyền sử dụng rồi. Vai trò của bạn: ${role}.`,
  inviteStillGood: "Người khác vẫn dùng được link này.",
  ownersOnly: "Chỉ chủ quán mới làm được việc này.",
  privateOnly: "Lệnh này bạn nhắn riêng cho tôi nhé.",
  inviteUsage:
    "Bạn muốn mời ai? Gõ /invite staff (nhân viên), /invite manager (quản lý) hoặc /invite owner (chủ quán).",
  invite: (role, link, hours) =>
    `Link mời cho một ${role}. Link dùng được một lần, trong ${hours} giờ. Bạn chỉ chuyển cho đúng người nhé:\n\n${link}`,
  removeWhom: "Bạn muốn thu hồi quyền sử dụng của ai?",
  removeNobody: "Không còn ai khác để thu hồi quyền.",
  removed: (name) => `${name} không còn quyền sử dụng nữa.`,
  removeUnknown: "Tôi không tìm thấy nhân viên nào có tên đó. Gõ /remove để xem tất cả.",
  removeSelf: "Bạn không thể tự thu hồi quyền của mình. Bạn nhờ một chủ quán khác nhé.",
  removeConfigured: (name) =>
    `${name} là chủ quán theo cấu hình (OWNER_TELEGRAM_IDS). Bạn xóa ở đó trước, rồi thu hồi quyền ở đây nhé.`,
  unsupported: "Tôi chỉ đọc được tin nhắn dạng chữ. Bạn gõ câu hỏi nhé.",
  attachmentIgnored: "Tôi không xem hình ảnh hay tệp, chỉ đọc chữ bạn viết.",
  empty: "Tin nhắn của bạn trống. Bạn gõ câu hỏi nhé.",
  tooLong: (limit) =>
    `Tin nhắn này dài quá, tôi chỉ đọc được tối đa ${limit} ký tự. Bạn rút gọn hoặc gửi thành nhiều phần nhé.`,
  tooMany: "Bạn hỏi nhiều quá, tôi chưa trả lời kịp. Bạn chờ một phút rồi hỏi lại nhé.",
  notProcessed: "Xin lỗi, tôi không xử lý được tin nhắn này. Bạn viết lại theo cách khác nhé.",
  pressNotProcessed: "Xin lỗi, nút này không dùng được. Bạn nhắn cho tôi điều bạn cần nhé.",
  unknownCommand: "Tôi không biết lệnh này. Gõ /help để xem tôi giúp được gì.",
  checking: (labels) => `${labels}…`,
  faults: {
    MODEL_UNREACHABLE:
      "Tôi không kết nối được với mô hình ngôn ngữ. Bạn hỏi lại sau một phút nhé; nếu vẫn lỗi, bạn báo bộ phận kỹ thuật.",
    MODEL_UNAVAILABLE: "Mô hình ngôn ngữ đang gặp sự cố. Bạn hỏi lại sau vài phút nhé.",
    MODEL_RATE_LIMITED: "Mô hình ngôn ngữ đang quá tải. Bạn hỏi lại sau một phút nhé.",
    MODEL_QUOTA: "Tài khoản mô hình ngôn ngữ đã hết tiền. Bạn nhắn chủ quán nạp thêm nhé.",
    MODEL_REFUSED_KEY: "Mô hình ngôn ngữ từ chối khóa truy cập của tôi. Bạn báo bộ phận kỹ thuật nhé.",
    MODEL_REFUSED_REQUEST: "Máy chủ mô hình ngôn ngữ không nhận câu hỏi của tôi. Bạn báo bộ phận kỹ thuật nhé.",
    MODEL_FAILED: "Mô hình ngôn ngữ gặp lỗi khi trả lời. Bạn hỏi lại nhé.",
    MODEL_STREAM_BROKEN: "Kết nối với mô hình ngôn ngữ bị ngắt giữa chừng. Bạn hỏi lại nhé.",
    MODEL_SILENT: "Mô hình ngôn ngữ ngừng trả lời giữa chừng. Bạn hỏi lại nhé.",
    MODEL_TIMEOUT: "Câu này mất nhiều thời gian quá. Bạn hỏi lại từng phần nhé.",
    MODEL_TOO_LONG: "Câu trả lời dài quá nên tôi dừng ở đây. Bạn hỏi từng phần nhé.",
    MODEL_INPUT_TOO_LONG: "Câu hỏi cùng số liệu quá dài với mô hình ngôn ngữ. Bạn hỏi ít hơn mỗi lần nhé.",
    MODEL_TOOLS_AS_TEXT:
      "Máy chủ mô hình ngôn ngữ chưa được cài để gọi công cụ, nên tôi không đọc được số liệu của quán. Bạn báo bộ phận kỹ thuật nhé.",
    MODEL_CIRCUIT_OPEN: "Mô hình ngôn ngữ đang gặp sự cố. Bạn hỏi lại sau một phút nhé.",
    MODEL_CUT_SHORT: "Câu trả lời bị cắt ở đây. Bạn hỏi từng phần, hoặc nhắn “tiếp tục” nhé.",
    MODEL_EMPTY: "Mô hình ngôn ngữ không đưa ra câu trả lời nào. Bạn hỏi lại theo cách khác nhé.",
    TOO_MANY_ROUNDS: "Tôi đã tra cứu nhiều lần mà chưa có câu trả lời. Bạn hỏi từng phần nhé.",
    TOO_MANY_ATTEMPTS: "Tôi đã thử vài lần mà không được. Bạn hỏi lại nhé, có thể theo cách khác.",
    INTERNAL: "Có lỗi ở phía tôi. Bạn hỏi lại nhé; nếu vẫn lỗi, bạn báo bộ phận kỹ thuật.",
  },
};
