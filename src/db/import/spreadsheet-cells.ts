/**
 * Cells in which a spreadsheet wrote something other than their content.
 */

/**
 * `8.93505E+12`: what Excel, LibreOffice and Google Sheets write for a number that is too long for its cell, and `8.93505E12`, as
 * programs write it. A code of its own such as `2E10` has neither a plus sign nor a decimal separator.
 */
const SHORTENED = /^[+-]?\d+(?:[.,٫]\d+\s*E\s*\+?|\s*E\s*\+)\d{1,3}$/i;

/** The errors of Excel and Google Sheets, and LibreOffice's `Err:502`. */
const ERROR =
  /^(?:#(?:N\/A|(?:REF|VALUE|DIV\/0|NUM|NULL|SPILL|CALC|FIELD|BLOCKED|CONNECT|BUSY|UNKNOWN|EXTERNAL|ERROR)!|NAME\?|GETTING_DATA)|Err:\d{3})$/i;

/** The same in other languages: `#BEZUG!`, `#¿NOMBRE?`, `#N/D`, `#NV`. */
const TRANSLATED_ERROR =
  /^(?:#[¡¿]?[\p{Lu}\d/_]{3,20}[!?]|#\p{Lu}\/\p{Lu}|#NV|(?:Fehler|Erreur|Error|Errore|Erro):5\d\d)$/u;

/** What a cell shows whose column is too narrow. */
const TOO_NARROW = /^#{2,}$/;

/** A cell as its spreadsheet shows it: `'1001` and `="1001"` are texts, marked so that no number is made of them. */
export function withoutTextMark(cell: string): string {
  return /^="(.*)"$/s.exec(cell)?.[1] ?? cell.replace(/^'/, "");
}

/** Whether the cell is a number in scientific notation, as a spreadsheet shortens it. Then its digits are lost. */
export function isShortened(cell: string): boolean {
  return SHORTENED.test(cell);
}

/** What is wrong with a cell that shows an error of a spreadsheet, and what to do; undefined for any other cell. */
export function describeSpreadsheetError(cell: string): string | undefined {
  if (TOO_NARROW.test(cell)) return `"${cell.slice(0, 10)}" is what a spreadsheet shows in a narrow column: widen it`;
  if (ERROR.test(cell) || TRANSLATED_ERROR.test(cell))
    return `"${cell}" is an error of the spreadsheet: correct its formula`;
  return undefined;
}
