/**
 * Telegram's ids, and which of them are the sandbox's: its bot and its people stand above every id that Telegram gives, so
 * that nothing made in the sandbox is ever taken for somebody real.
 */

/** The largest id that Telegram gives: "at most 52 significant bits". */
export const LARGEST_TELEGRAM_ID = 2 ** 52 - 1;

/** Whether a bot or a person with this id is one of the sandbox. */
export function isOfSandbox(telegramId: number): boolean {
  return telegramId > LARGEST_TELEGRAM_ID;
}

/** The id of the bot that a token is for: the number before the colon. NaN for what is no token. */
export function botIdOf(token: string): number {
  return Number(token.split(":", 1)[0] || Number.NaN);
}
