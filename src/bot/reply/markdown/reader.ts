/**
 * Markdown while it is written, read block by block: what no later character can change is given out once and forgotten, so
 * that reading on costs as much as the unsettled end is long, not as the whole text.
 *
 * What it gives does not depend on the pieces in which the text came, nor on when it was asked.
 */
import { type Block, toBlock } from "./blocks.ts";
import { lexMarkdown } from "./lexer.ts";
import { findCut, gapBefore, numberOf, type Opening, START } from "./settled.ts";
import { cleanSource, splitHalfCharacter } from "./source.ts";
import { lexUnfinished } from "./unfinished.ts";
import { toUnits, type Unit } from "./units.ts";

/** How much source is read at once to begin with, in UTF-16 units. */
const WINDOW = 4_096;

export interface MarkdownReader {
  append(markdown: string): void;
  /** The blocks that stay as they are whatever comes, each given once. */
  takeSettled(): Iterable<Block>;
  /**
   * The blocks after those that were taken. With `final` the text is complete and read as it stands; else bold, code, links
   * and tables that are only half there are shown as if closed, and a lone marker at the end is kept back.
   */
  unsettled(options: { final: boolean }): Block[];
}

export function createMarkdownReader(): MarkdownReader {
  let source = "";
  let half = "";
  let opening = START;

  function* takeSettled(): Generator<Block> {
    let size = WINDOW;
    while (true) {
      const text = opening.prefix + source.slice(0, size);
      const cut = findCut(text, opening);
      if (cut !== null) {
        yield* toBlocks(cut.units, text, opening);
        source = source.slice(cut.end - opening.prefix.length);
        opening = cut.opening;
        size = WINDOW;
      } else if (size < source.length) {
        size *= 2;
      } else {
        return;
      }
    }
  }

  return {
    append(markdown) {
      const split = splitHalfCharacter(half + markdown);
      source += cleanSource(split.whole);
      half = split.half;
    },
    takeSettled,
    unsettled({ final }) {
      // Half an emoji is kept back; half a line break is one already.
      const end = final || half === "\r" ? cleanSource(half) : "";
      const text = opening.prefix + source + end;
      const tokens = final ? lexMarkdown(text) : lexUnfinished(text);
      const read = tokens.map(({ raw }) => raw).join("");
      return toBlocks(toUnits(tokens).slice(opening.skippedUnits), read, opening);
    },
  };
}

function toBlocks(units: Unit[], text: string, opening: Opening): Block[] {
  return units.flatMap((unit, index) => {
    const joint = index === 0 ? opening : { gap: gapBefore(text, unit.start), joins: false };
    const block = toBlock(unit, { gap: joint.gap, joins: joint.joins, number: numberOf(unit, units, opening) });
    return block ?? [];
  });
}
