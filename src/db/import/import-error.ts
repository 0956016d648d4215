/**
 * What is wrong with a file: the first faults by line and column, and how many there are in all.
 */
import { BadInputError } from "../../errors.ts";
import { escapeInvisible } from "./invisible-characters.ts";

/** How many faults are named; the others are counted. */
const NAMED_FAULTS = 20;

/** How much of a cell is quoted in a reason. */
const QUOTED_CHARACTERS = 40;

export interface ImportFault {
  /** The line of the file as an editor counts it: the header is line 1. Where a row spans several, its first. */
  line: number;
  /** The column's name; empty where the whole row or file is meant. */
  column: string;
  /** A sentence part that says what is wrong and how to write it. */
  reason: string;
}

/** A file that was refused. Nothing of it was kept. */
export class ImportError extends BadInputError {
  /** The first 20, in the order of the file. */
  readonly faults: readonly ImportFault[];
  readonly faultCount: number;

  constructor(fileName: string, faults: readonly ImportFault[], faultCount: number) {
    super(describe(fileName, faults, faultCount));
    this.faults = faults;
    this.faultCount = faultCount;
  }
}

/** Collects the faults of one file, in bounded memory. */
export interface FaultList {
  add(fault: ImportFault): void;
  /** Counts faults that are not to be named. */
  addUnnamed(count: number): void;
  isEmpty(): boolean;
  /** Throws an `ImportError` when there are any. */
  throwIfAny(): void;
}

export function createFaultList(fileName: string): FaultList {
  let named: ImportFault[] = [];
  let count = 0;
  return {
    add(fault) {
      count += 1;
      named.push(fault);
      // The checks over the whole file come after those of the rows, so the first by line are not the first added.
      if (named.length >= NAMED_FAULTS * 2) named = firstByLine(named);
    },
    addUnnamed(unnamed) {
      count += unnamed;
    },
    isEmpty: () => count === 0,
    throwIfAny() {
      if (count > 0) throw new ImportError(fileName, firstByLine(named), count);
    },
  };
}

/** A cell as it may be shown on a terminal: short, in quotes, characters that cannot be seen escaped. */
export function quoteCell(cell: string): string {
  const shown = cell.length > QUOTED_CHARACTERS ? `${cell.slice(0, QUOTED_CHARACTERS)}…` : cell;
  // Line breaks and the like as JSON has them; the others JSON would leave as they are.
  return escapeInvisible(JSON.stringify(shown));
}

function firstByLine(faults: ImportFault[]): ImportFault[] {
  // The sort is stable: faults of one line stay in the order in which they were found.
  return faults.sort((a, b) => a.line - b.line).slice(0, NAMED_FAULTS);
}

function describe(fileName: string, faults: readonly ImportFault[], faultCount: number): string {
  const lines = faults.map(({ line, column, reason }) => `  line ${line}${column && `, ${column}`}: ${reason}`);
  const others = faultCount - faults.length;
  if (others > 0) lines.push(`  and ${others} more`);
  return [`Nothing of ${fileName} was imported.`, ...lines].join("\n");
}
