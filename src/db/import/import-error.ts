/**
 * What is wrong with a file: the first faults by line and column, and how many there are in total.
 */
import { BadInputError } from "../../errors.ts";
import { escapeInvisible } from "./invisible-characters.ts";

/** How many faults an error names; it counts the others. */
export const MAX_NAMED_FAULTS = 20;

/** How much of a cell a reason quotes. */
const QUOTED_CHARACTERS = 40;

export interface ImportFault {
  /** The line of the file, counted as in an editor: the header is line 1. The first one of a row that spans several. */
  line: number;
  /** The column's name; empty for a fault of the whole row or file. */
  column: string;
  /** Continues the name of the column: what is wrong, and what to write instead. */
  reason: string;
}

/** A file that was rejected. Nothing of it was stored. */
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

/** A line that contradicts an earlier line, as a query returns it, at most `MAX_NAMED_FAULTS` of them. */
export interface LineConflict extends Record<string, unknown> {
  line: number;
  firstLine: number;
  /** How many there are in the file. A bigint of PostgreSQL. */
  total: string;
}

/** The first `MAX_NAMED_FAULTS` faults of a kind, and how many there are. They are added in the order of their lines. */
export interface FaultSample {
  readonly named: readonly ImportFault[];
  readonly count: number;
  /** `describe` is only called for a fault that will be named: a column may have a million of them. */
  add(describe: () => ImportFault): void;
}

/** Collects the faults of one file, in bounded memory. */
export interface FaultList {
  add(fault: ImportFault): void;
  addSample(sample: Pick<FaultSample, "named" | "count">): void;
  /** Adds one fault for each line; `describe` gets the earlier line. */
  addConflicts(conflicts: readonly LineConflict[], describe: (firstLine: number) => Omit<ImportFault, "line">): void;
  isEmpty(): boolean;
  /** Throws an `ImportError` unless the list is empty. */
  throwIfAny(): void;
}

export function createFaultList(fileName: string): FaultList {
  let named: ImportFault[] = [];
  let count = 0;
  const add = (fault: ImportFault) => {
    count += 1;
    named.push(fault);
    // Checks of the whole file come after those of single rows, so faults are not added in the order of their lines.
    if (named.length >= MAX_NAMED_FAULTS * 2) named = firstByLine(named);
  };
  const addSample: FaultList["addSample"] = (sample) => {
    for (const fault of sample.named) add(fault);
    count += sample.count - sample.named.length;
  };
  return {
    add,
    addSample,
    addConflicts(conflicts, describe) {
      const named = conflicts.map(({ line, firstLine }) => ({ line, ...describe(firstLine) }));
      addSample({ named, count: Number(conflicts[0]?.total ?? 0) });
    },
    isEmpty: () => count === 0,
    throwIfAny() {
      if (count > 0) throw new ImportError(fileName, firstByLine(named), count);
    },
  };
}

export function createFaultSample(): FaultSample {
  const named: ImportFault[] = [];
  let count = 0;
  return {
    named,
    get count() {
      return count;
    },
    add(describe) {
      count += 1;
      if (named.length < MAX_NAMED_FAULTS) named.push(describe());
    },
  };
}

/** A cell for display on a terminal: shortened, in quotes, with invisible characters escaped. */
export function quoteCell(cell: string): string {
  const shown = cell.length > QUOTED_CHARACTERS ? `${cell.slice(0, QUOTED_CHARACTERS)}…` : cell;
  // JSON escapes line breaks and controls, but leaves other invisible characters.
  return escapeInvisible(JSON.stringify(shown));
}

function firstByLine(faults: ImportFault[]): ImportFault[] {
  // The sort is stable: faults of one line stay in the order in which they were found.
  return faults.sort((a, b) => a.line - b.line).slice(0, MAX_NAMED_FAULTS);
}

function describe(fileName: string, faults: readonly ImportFault[], faultCount: number): string {
  const lines = faults.map(({ line, column, reason }) => `  line ${line}${column && `, ${column}`}: ${reason}`);
  const others = faultCount - faults.length;
  if (others > 0) lines.push(`  and ${others} more`);
  return [`Nothing was imported from ${fileName}:`, ...lines].join("\n");
}
