/**
 * Every sentence that the bot itself says, in English and Vietnamese.
 *
 * Plain text, but for `endings`, which become part of a reply and are Markdown. Names and titles are put in as they are:
 * nothing here is parsed by Telegram.
 */
import type { RunOutcome } from "../events.ts";
import type { StaffRole } from "../shop/roles.ts";

export const LANGUAGES = ["en", "vi"] as const;
export type Language = (typeof LANGUAGES)[number];

/** The language for a person, by what their Telegram is set to (an IETF tag, may be missing). */
export function pickLanguage(languageCode: string | undefined): Language {
  return /^vi(-|$)/i.test(languageCode ?? "") ? "vi" : "en";
}

/** The sentences in one language. */
export function textsIn(language: string): Texts {
  return language === "vi" ? vietnamese : english;
}

export type Texts = typeof english;

type FaultCode = keyof typeof english.faults;

/** The whole reply of a run as Markdown: what was said, and a sentence of ours when it did not end well. */
export function finalReply(language: string, outcome: RunOutcome, text: string): string {
  const texts = textsIn(language);
  const note = noteOf(texts, outcome);
  if (note === null) return text;
  return text.trim() === "" ? note : `${text}\n\n_${note}_`;
}

function noteOf(texts: Texts, { status, errorCode }: RunOutcome): string | null {
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
    new: "Begin a new conversation",
    stop: "Stop the answer in the making",
    threads: "Go on in an earlier conversation",
    help: "How to use me",
  },
  start: (shop: string, name: string) =>
    `Hello ${name}, I am the Assistant behind the counter of ${shop}. I can help with three things:\n\n` +
    "• Inventory: which products are running out and need to be restocked\n" +
    "• Finance: revenue and profit of any day\n" +
    "• Operations: advice to work better, backed by your own figures\n\n" +
    "Just ask, in your own words.",
  help:
    "Ask me in your own words, for example “what is running out?” or “how did we do last Friday?”.\n\n" +
    "/new – begin a new conversation\n/stop – stop the answer in the making\n/threads – go on in an earlier conversation\n/help – this message\n\n" +
    "In a group, mention me or reply to me.",
  ownerHelp:
    "\n\nFor owners:\n/invite staff, /invite manager, /invite owner – a link that lets one person in\n/remove – take somebody's access away",
  newThread: "A new conversation. What would you like to know?",
  alreadyNew: "This is a new conversation already. What would you like to know?",
  stopped: "Stopped.",
  stopping: "Stopping.",
  nothingToStop: "There is nothing to stop.",
  onlyOwnStop: "Only the person who asked, or a manager, can stop this answer.",
  retrying: "I try again.",
  nothingToRetry: "This cannot be asked again: please write your question once more.",
  retriedAlready: "This question was asked again already.",
  noThreads: "There are no earlier conversations here yet. Just ask me something.",
  pickThread: "Which conversation would you like to go on with?",
  resumed: (title: string) => `We go on with “${title}”. What would you like to know?`,
  threadGone: "That conversation cannot be found any more. /threads shows those that there are.",
  stranger:
    "I am the assistant of a shop and speak with its staff only. Please ask the owner for an invite link, and open it here.",
  anonymous: "I cannot see who is asking. Please write as yourself, not as the group or a channel.",
  joined: (shop: string, role: string) => `Welcome to ${shop}! You can use me now. Your role: ${role}.`,
  inviteUsed: "This invite link was used already. Please ask the owner for a new one.",
  inviteExpired: "This invite link has expired. Please ask the owner for a new one.",
  inviteUnknown: "I do not know this invite link. Please ask the owner for a new one.",
  alreadyStaff: (role: string) => `You have access already. Your role: ${role}.`,
  inviteStillGood: "The link is still good for somebody else.",
  ownersOnly: "Only an owner can do that.",
  privateOnly: "Please send me this in our private chat.",
  inviteUsage: "Say for whom: /invite staff, /invite manager or /invite owner.",
  invite: (role: string, link: string, hours: number) =>
    `A link for one ${role}. It works once, within ${hours} hours. Forward it only to the person it is for:\n\n${link}`,
  removeWhom: "Whose access should be taken away?",
  removeNobody: "There is nobody else to remove.",
  removed: (name: string) => `${name} no longer has access.`,
  removeUnknown: "I find no member of the staff by that name. /remove without a name shows everyone.",
  removeSelf: "You cannot remove yourself: another owner can.",
  removeConfigured: (name: string) =>
    `${name} is an owner by the configuration (OWNER_TELEGRAM_IDS): take them out there first, then remove them here.`,
  unsupported: "I can read text messages only. Please write your question.",
  empty: "I got an empty message. Please write your question.",
  tooLong: (limit: number) =>
    `That message is too long for me: I read up to ${limit} characters. Please shorten it or send it in parts.`,
  tooMany: "That is more than I can answer at once. Please give me a minute, and then ask again.",
  notTakenIn: "I could not take that in. Please write it again in other words.",
  pressNotTakenIn: "I could not take that in. Please write to me what you would like.",
  unknownCommand: "I do not know this command. /help shows what I can do.",
  checking: (labels: string) => `${labels}…`,
  faults: {
    MODEL_UNREACHABLE:
      "I could not reach my language model. Please ask again in a minute; if it goes on, tell the shop's engineer.",
    MODEL_UNAVAILABLE: "My language model is out of order at the moment. Please ask again in a few minutes.",
    MODEL_RATE_LIMITED: "My language model has too much to do at the moment. Please ask again in a minute.",
    MODEL_QUOTA:
      "The credit for my language model is used up. Please tell the owner: it has to be topped up before I can answer.",
    MODEL_REFUSED_KEY: "My language model refuses the key I have. Please tell the shop's engineer.",
    MODEL_REFUSED_REQUEST:
      "My language model did not accept the question. Try /new and ask again; if it goes on, tell the shop's engineer.",
    MODEL_FAILED: "My language model failed while answering. Please ask again.",
    MODEL_STREAM_BROKEN: "The connection to my language model broke off while it was answering. Please ask again.",
    MODEL_SILENT: "My language model stopped answering. Please ask again.",
    MODEL_TIMEOUT: "That took too long. Please ask again, perhaps for less at once.",
    MODEL_TOO_LONG: "The answer became too long, so I ended it here. Please ask for less at once.",
    MODEL_CIRCUIT_OPEN: "My language model is out of order at the moment. Please ask again in a minute.",
    MODEL_CUT_SHORT: "The answer was cut short here. Please ask for less at once, or say “go on”.",
    MODEL_EMPTY: "My language model gave no answer. Please ask again in other words.",
    TOO_MANY_ROUNDS: "I looked things up many times and came to no end. Please ask for less at once.",
    TOO_MANY_ATTEMPTS: "I tried this several times and it did not work. Please ask again, perhaps in other words.",
    INTERNAL: "Something went wrong on my side. Please ask again; if it goes on, tell the shop's engineer.",
  },
};

const vietnamese: Texts = {
  buttons: { stock: "Món nào sắp hết?", yesterday: "Hôm qua bán thế nào?", stop: "⏹ Dừng", retry: "↻ Thử lại" },
  roles: { staff: "nhân viên", manager: "quản lý", owner: "chủ quán" },
  commands: {
    start: "Tôi làm được gì",
    new: "Bắt đầu cuộc trò chuyện mới",
    stop: "Dừng câu trả lời đang viết",
    threads: "Tiếp tục cuộc trò chuyện trước",
    help: "Cách sử dụng",
  },
  start: (shop, name) =>
    `Chào ${name}, tôi là trợ lý quầy của ${shop}. Tôi có thể giúp ba việc:\n\n` +
    "• Kho: món nào sắp hết và cần nhập thêm\n" +
    "• Tài chính: doanh thu và lợi nhuận của từng ngày\n" +
    "• Vận hành: lời khuyên để làm việc hiệu quả hơn, dựa trên số liệu của quán\n\n" +
    "Bạn cứ hỏi tự nhiên.",
  help:
    "Bạn cứ hỏi tự nhiên, ví dụ “món nào sắp hết?” hoặc “thứ sáu tuần trước bán thế nào?”.\n\n" +
    "/new – bắt đầu cuộc trò chuyện mới\n/stop – dừng câu trả lời đang viết\n/threads – tiếp tục cuộc trò chuyện trước\n/help – hướng dẫn này\n\n" +
    "Trong nhóm, hãy nhắc tên tôi hoặc trả lời tin nhắn của tôi.",
  ownerHelp:
    "\n\nDành cho chủ quán:\n/invite staff, /invite manager, /invite owner – liên kết mời một người\n/remove – thu hồi quyền của một người",
  newThread: "Cuộc trò chuyện mới. Bạn muốn biết điều gì?",
  alreadyNew: "Đây đã là cuộc trò chuyện mới rồi. Bạn muốn biết điều gì?",
  stopped: "Đã dừng.",
  stopping: "Đang dừng.",
  nothingToStop: "Không có gì để dừng.",
  onlyOwnStop: "Chỉ người hỏi hoặc quản lý mới dừng được câu trả lời này.",
  retrying: "Tôi thử lại.",
  nothingToRetry: "Không thể hỏi lại câu này: bạn hãy viết lại câu hỏi.",
  retriedAlready: "Câu hỏi này đã được hỏi lại rồi.",
  noThreads: "Ở đây chưa có cuộc trò chuyện nào trước đó. Bạn cứ hỏi tôi.",
  pickThread: "Bạn muốn tiếp tục cuộc trò chuyện nào?",
  resumed: (title) => `Ta tiếp tục “${title}”. Bạn muốn biết điều gì?`,
  threadGone: "Không tìm thấy cuộc trò chuyện đó nữa. Gõ /threads để xem danh sách.",
  stranger:
    "Tôi là trợ lý của một cửa hàng và chỉ trò chuyện với nhân viên. Bạn hãy xin chủ quán liên kết mời rồi mở liên kết đó tại đây.",
  anonymous: "Tôi không thấy ai đang hỏi. Bạn hãy viết bằng tài khoản của mình, không phải bằng tên nhóm hay kênh.",
  joined: (shop, role) => `Chào mừng bạn đến với ${shop}! Bạn có thể dùng tôi với vai trò ${role}.`,
  inviteUsed: "Liên kết mời này đã được dùng. Bạn hãy xin chủ quán liên kết mới.",
  inviteExpired: "Liên kết mời này đã hết hạn. Bạn hãy xin chủ quán liên kết mới.",
  inviteUnknown: "Tôi không biết liên kết mời này. Bạn hãy xin chủ quán liên kết mới.",
  alreadyStaff: (role) => `Bạn đã có quyền sử dụng với vai trò ${role}.`,
  inviteStillGood: "Liên kết vẫn dùng được cho người khác.",
  ownersOnly: "Chỉ chủ quán mới làm được việc này.",
  privateOnly: "Bạn hãy gửi lệnh này trong cuộc trò chuyện riêng với tôi.",
  inviteUsage: "Hãy cho biết mời ai: /invite staff, /invite manager hoặc /invite owner.",
  invite: (role, link, hours) =>
    `Liên kết cho một ${role}. Dùng được một lần, trong ${hours} giờ. Chỉ chuyển cho đúng người:\n\n${link}`,
  removeWhom: "Thu hồi quyền của ai?",
  removeNobody: "Không có ai khác để thu hồi quyền.",
  removed: (name) => `${name} không còn quyền sử dụng.`,
  removeUnknown: "Tôi không tìm thấy nhân viên nào có tên đó. Gõ /remove để xem tất cả.",
  removeSelf: "Bạn không thể tự thu hồi quyền của mình: chủ quán khác làm được.",
  removeConfigured: (name) =>
    `${name} là chủ quán theo cấu hình (OWNER_TELEGRAM_IDS): hãy xóa ở đó trước, rồi thu hồi quyền ở đây.`,
  unsupported: "Tôi chỉ đọc được tin nhắn văn bản. Bạn hãy viết câu hỏi.",
  empty: "Tôi nhận được tin nhắn trống. Bạn hãy viết câu hỏi.",
  tooLong: (limit) => `Tin nhắn này quá dài: tôi đọc tối đa ${limit} ký tự. Bạn hãy rút gọn hoặc gửi thành nhiều phần.`,
  tooMany: "Bạn hỏi nhiều quá, tôi chưa trả lời kịp. Bạn hãy chờ một phút rồi hỏi lại.",
  notTakenIn: "Tôi không nhận được nội dung đó. Bạn hãy viết lại theo cách khác.",
  pressNotTakenIn: "Tôi không nhận được thao tác đó. Bạn hãy nhắn cho tôi điều bạn muốn.",
  unknownCommand: "Tôi không biết lệnh này. Gõ /help để xem tôi làm được gì.",
  checking: (labels) => `${labels}…`,
  faults: {
    MODEL_UNREACHABLE:
      "Tôi không kết nối được với mô hình ngôn ngữ. Bạn hãy hỏi lại sau một phút; nếu vẫn vậy, hãy báo kỹ thuật viên.",
    MODEL_UNAVAILABLE: "Mô hình ngôn ngữ đang gặp sự cố. Bạn hãy hỏi lại sau vài phút.",
    MODEL_RATE_LIMITED: "Mô hình ngôn ngữ đang quá tải. Bạn hãy hỏi lại sau một phút.",
    MODEL_QUOTA: "Mô hình ngôn ngữ đã hết hạn mức. Bạn hãy báo chủ quán: cần nạp thêm thì tôi mới trả lời được.",
    MODEL_REFUSED_KEY: "Mô hình ngôn ngữ từ chối khóa truy cập của tôi. Bạn hãy báo kỹ thuật viên.",
    MODEL_REFUSED_REQUEST:
      "Mô hình ngôn ngữ không nhận câu hỏi. Bạn thử /new rồi hỏi lại; nếu vẫn vậy, hãy báo kỹ thuật viên.",
    MODEL_FAILED: "Mô hình ngôn ngữ gặp lỗi khi trả lời. Bạn hãy hỏi lại.",
    MODEL_STREAM_BROKEN: "Kết nối với mô hình ngôn ngữ bị ngắt giữa chừng. Bạn hãy hỏi lại.",
    MODEL_SILENT: "Mô hình ngôn ngữ ngừng trả lời. Bạn hãy hỏi lại.",
    MODEL_TIMEOUT: "Việc này mất quá nhiều thời gian. Bạn hãy hỏi lại, có thể hỏi ít hơn mỗi lần.",
    MODEL_TOO_LONG: "Câu trả lời quá dài nên tôi dừng ở đây. Bạn hãy hỏi ít hơn mỗi lần.",
    MODEL_CIRCUIT_OPEN: "Mô hình ngôn ngữ đang gặp sự cố. Bạn hãy hỏi lại sau một phút.",
    MODEL_CUT_SHORT: "Câu trả lời bị cắt ở đây. Bạn hãy hỏi ít hơn mỗi lần, hoặc nhắn “tiếp tục”.",
    MODEL_EMPTY: "Mô hình ngôn ngữ không đưa ra câu trả lời. Bạn hãy hỏi lại bằng cách khác.",
    TOO_MANY_ROUNDS: "Tôi đã tra cứu nhiều lần mà chưa xong. Bạn hãy hỏi ít hơn mỗi lần.",
    TOO_MANY_ATTEMPTS: "Tôi đã thử vài lần mà không được. Bạn hãy hỏi lại, có thể bằng cách khác.",
    INTERNAL: "Có lỗi ở phía tôi. Bạn hãy hỏi lại; nếu vẫn vậy, hãy báo kỹ thuật viên.",
  },
};
