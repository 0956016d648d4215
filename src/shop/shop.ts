/**
 * The shop's settings, on which its figures, dates and texts depend.
 */
export interface Shop {
  readonly name: string;
  /** IANA time zone, such as `Asia/Ho_Chi_Minh`: the shop's day begins and ends in it. */
  readonly timeZone: string;
  /** ISO 4217 code in capitals. */
  readonly currency: string;
  /** BCP 47 tag: how amounts and days are written. */
  readonly locale: string;
}
