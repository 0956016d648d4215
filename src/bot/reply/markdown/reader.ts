/**
 * Reads growing Markdown block by block. A block that no later character can change is settled: it is returned once and then
 * released. So each read costs as much as the unsettled end, not as the whole text.
 *
 * The result depends neither on the chunks in which the text arrived nor on when it was read.
 */
import { type Block, toBlock } from "./blocks.ts";
import { lexMarkdown } from "./lexer.ts";
import { findCut, gapBefore, numberOf, type ResumePoint, START } from "./settled.ts";
import { cleanSource, splitHalfCharacter } from "./source.ts";
import { lexUnfinished } from "./unfinished.ts";
import { toUnits, type Unit } from "./units.ts";

/** How much source is read at first, in UTF-16 units. */
const WINDOW = 4_096;

export interface MarkdownReader {
  append(markdown: string): void;
  /** The newly settled blocks, each returned once. */
  takeSettled(): Iterable<Block>;
  /**
   * The blocks after the settled ones. With `final` the text is complete. Else unfinished bold, code, links and tables are
   * read as if closed, and a lone marker at the end is held back.
   */
  unsettled(options: { final: boolean }): Block[];
}

export function createMarkdownReader(): MarkdownReader {
  let source = "";
  let half = "";
  let resumePoint = START;

  function* takeSettled(): Generator<Block> {
    let size = WINDOW;
    while (true) {
      const text = resumePoint.prefix + source.slice(0, size);
      const cut = findCut(text, resumePoint);
      if (cut !== null) {
        yield* toBlocks(cut.units, text, resumePoint);
        source = source.slice(cut.end - resumePoint.prefix.length);
        resumePoint = cut.resumePoint;
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
      // Half an emoji is held back; half of "\r\n" already is a line break.
      const end = final || half === "\r" ? cleanSource(half) : "";
      const text = resumePoint.prefix + source + end;
      const tokens = final ? lexMarkdown(text) : lexUnfinished(text);
      const read = tokens.map(({ raw }) => raw).join("");
      return toBlocks(toUnits(tokens).slice(resumePoint.skippedUnits), read, resumePoint);
    },
  };
}

function toBlocks(units: Unit[], text: string, resumePoint: ResumePoint): Block[] {
  return units.flatMap((unit, index) => {
    const joint = index === 0 ? resumePoint : { gap: gapBefore(text, unit.start), joins: false };
    const block = toBlock(unit, { gap: joint.gap, joins: joint.joins, number: numberOf(unit, units, resumePoint) });
    return block ?? [];
  });
}
