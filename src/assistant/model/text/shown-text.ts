/** The text of an answer that is shown while it comes, item by item, and the whole text at its end. */
import { createTextWriter } from "./text-writer.ts";
import { createVisibleText, type VisibleText } from "./visible-text.ts";
import { isWrittenCall, mayBeWrittenCall } from "./written-call.ts";

export interface ShownText<Item extends object> {
  /** Takes the next piece of an item. `textOf`: the item's whole text, with the piece. */
  append(item: Item, piece: string, textOf: (item: Item) => string): void;
  /** Takes an item's whole text so far. What is new at its end is shown; another change is only in the text at the end. */
  update(item: Item, text: string): void;
  /** The stream has ended. Shows the rest. @returns what a person may read of each item with text, in the items' order. */
  end(items: readonly Item[], textOf: (item: Item) => string): Map<Item, string>;
  /** Whether a tool call was written as text. Known at the end. */
  hasCall(): boolean;
}

export interface ShownTextOptions {
  onText(piece: string): void;
  tools: readonly string[];
  /** Whether the server's texts begin in the middle of thinking. Updated by what the texts show. */
  thinking: { beginsBeforeText: boolean };
}

/** The text of one item as it was shown. */
interface Showing {
  filter: VisibleText;
  /** What went through the filter. */
  taken: string;
  /** What may be shown, while it may be a tool call; null from when it is not. */
  held: string | null;
}

export function createShownText<Item extends object>(options: ShownTextOptions): ShownText<Item> {
  const { tools, thinking } = options;
  const writer = createTextWriter(options.onText);
  const items = new Map<Item, Showing>();
  let hasCall = false;
  const startFilter = () => createVisibleText({ beginsInThinking: thinking.beginsBeforeText });
  const showingOf = (item: Item) => {
    const known = items.get(item);
    if (known) return known;
    const showing: Showing = { filter: startFilter(), taken: "", held: "" };
    items.set(item, showing);
    return showing;
  };
  const show = (item: Item, showing: Showing, text: string) => {
    if (showing.held === null) return writer.write(item, text);
    const held = showing.held + text;
    const isUndecided = mayBeWrittenCall(held, tools);
    showing.held = isUndecided ? held : held.trim() === "" ? "" : null;
    if (!isUndecided) writer.write(item, held);
  };
  const take = (item: Item, showing: Showing, piece: string) => {
    showing.taken += piece;
    show(item, showing, showing.filter.write(piece));
  };
  return {
    append(item, piece, textOf) {
      const showing = showingOf(item);
      const text = textOf(item);
      if (text.length === showing.taken.length + piece.length) take(item, showing, piece);
      else this.update(item, text);
    },
    update(item, text) {
      const showing = showingOf(item);
      if (text.startsWith(showing.taken)) take(item, showing, text.slice(showing.taken.length));
    },
    end(order, textOf) {
      const texts = new Map<Item, string>();
      for (const item of order) {
        const showing = items.get(item);
        if (!showing) continue;
        show(item, showing, showing.filter.end());
        const filter = showing.taken === textOf(item) ? showing.filter : filtered(textOf(item), startFilter());
        const isCall = filter.hasCall() || isWrittenCall(filter.whole(), tools);
        hasCall ||= isCall;
        if (showing.held !== null && !isCall) writer.write(item, showing.held);
        texts.set(item, isCall && !filter.hasCall() ? "" : filter.whole());
        if (filter.whole().trim() !== "") thinking.beginsBeforeText = filter.beganInThinking();
      }
      writer.end();
      return texts;
    },
    hasCall: () => hasCall,
  };
}

function filtered(text: string, filter: VisibleText): VisibleText {
  filter.write(text);
  filter.end();
  return filter;
}
