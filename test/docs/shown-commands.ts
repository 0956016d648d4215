/** The commands in a page's code blocks: all of a `sh` block, and those behind `$` in a `console` block with their output. */
import { codeBlocksOf, type Page } from "./markdown.ts";

export interface ShownCommand {
  readonly page: string;
  /** Without the comment behind it. */
  readonly text: string;
  /** What must come out; anything where the page shows nothing. */
  readonly output: RegExp;
}

export function commandsOf({ path, text }: Page): ShownCommand[] {
  return codeBlocksOf(text).flatMap(({ language, content }) => {
    if (language === "sh") return commandsIn(content).map((command) => ({ page: path, text: command, output: /^/ }));
    if (language === "console") return sessionsIn(content).map((session) => ({ page: path, ...session }));
    return [];
  });
}

/** One for each line, and for each part of a line between `&&`. A comment begins behind two spaces. */
function commandsIn(script: string): string[] {
  const lines = script.replaceAll(/ *\\\n */g, " ").split("\n");
  return lines
    .map((line) => line.replace(/(^|\s{2,})# .*$/, "").trim())
    .flatMap((line) => line.match(/(?:'[^']*'|"[^"]*"|\([^)]*\)|(?<!&)&(?!&)|[^&])+/g) ?? [])
    .map((command) => command.trim());
}

/** Each `$` line with the lines below it; a line `...` stands for any others. */
function sessionsIn(content: string): { text: string; output: RegExp }[] {
  return content
    .split(/^\$ /m)
    .slice(1)
    .map((session) => {
      const [text = "", ...lines] = session.trimEnd().split("\n");
      const patterns = lines.map((line) => (line === "..." ? "[^]*" : `${RegExp.escape(line)}\\n`));
      return { text, output: new RegExp(patterns.join("")) };
    });
}
