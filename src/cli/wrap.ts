/** How wide a page of text is, where it can be broken. */
const pageWidth = 100;

/**
 * Text that begins `indent` characters into a line, broken between words so that no line passes the width of a page; the lines that
 * follow are indented. A word that is longer than a line stays whole, so that it can be copied.
 */
export const wrap = (text: string, indent: number): string => {
  const lines: string[] = [];
  let line = "";
  for (const word of plain(text).split(" ")) {
    if (line === "") line = word;
    else if ([...line].length + 1 + [...word].length <= pageWidth - indent) line += ` ${word}`;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line].join(`\n${" ".repeat(indent)}`);
};

// Reasons and names were typed by people: none may move the cursor or colour the terminal.
const plain = (text: string): string => text.replaceAll(/\p{Cc}/gu, "?");
