/** The name of a called tool, as servers write it: with a namespace before it, or with control tokens around it. */

/**
 * The one tool that is meant by a name, such as `CheckOutOfStock` by `functions.CheckOutOfStock:0`.
 *
 * @returns the name as it was written when it means none of the tools, or several.
 */
export function readToolName(written: string, tools: readonly string[]): string {
  if (tools.includes(written)) return written;
  const bare = written.replaceAll(/<\|[^|<>]{0,40}\|>/g, " ");
  const meant = tools.filter((tool) => isWordIn(tool, bare));
  const [only] = meant.length === 0 ? tools.filter((tool) => lettersOf(tool) === lettersOf(bare)) : meant;
  return only !== undefined && meant.length <= 1 ? only : written;
}

function isWordIn(tool: string, text: string): boolean {
  return new RegExp(`(?<![A-Za-z0-9])${RegExp.escape(tool)}(?![A-Za-z0-9])`, "i").test(text);
}

/** Some models write names in another style: `check_out_of_stock`. */
function lettersOf(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
}
