/** The purposes of a call to Telegram, in falling order of importance. */
export const PRIORITIES = ["final", "message", "edit", "typing"] as const;
export type Priority = (typeof PRIORITIES)[number];
