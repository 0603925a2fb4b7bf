import { marked, type Token, type Tokens } from "marked";
import PdfDocument from "pdfkit";
import type { Temporal } from "temporal-polyfill";
import { toDate } from "#lib/clock.ts";
import type { Letter } from "#letters/compose.ts";

/** A text on paper: what it is called, the request that it is about, and CommonMark. */
export type Page = { readonly title: string; readonly reference: string; readonly markdown: string };

const size = 10.5;
const fonts = { plain: "Helvetica", strong: "Helvetica-Bold", em: "Helvetica-Oblique" } as const;
type Face = keyof typeof fonts;
type Run = { readonly text: string; readonly face: Face };

/**
 * The same text on A4, with room for an address in the window of a DIN 5008 envelope. The standard fonts of PDF know the letters of
 * western Europe. The same letter at the same time gives the same bytes.
 */
export const letterPdf = ({ markdown, subject, reference }: Letter, at: Temporal.Instant): Promise<Buffer> =>
  printed({ title: subject, reference, markdown }, at, (document, [sender, ...rest]) => {
    if (sender !== undefined) document.fontSize(8).text(textOf(sender), { align: "right" }).fontSize(size);
    document.y = addressEnds;
    for (const token of rest) write(document, token);
  });

/** The same of a text that is sent to nobody: it begins at the top, and its headings are seen from afar. */
export const pagePdf = (page: Page, at: Temporal.Instant): Promise<Buffer> =>
  printed(page, at, (document, tokens) => {
    for (const token of tokens) {
      if (token.type === "heading") {
        const { depth } = token as Tokens.Heading;
        document.fontSize(depth === 1 ? 17 : 12);
        if (depth > 1) document.moveDown(0.3);
      }
      write(document, token);
      document.fontSize(size);
    }
  });

const printed = async (
  { title, reference, markdown }: Page,
  at: Temporal.Instant,
  print: (document: PDFKit.PDFDocument, tokens: readonly Token[]) => void,
): Promise<Buffer> => {
  const document = new PdfDocument({
    size: "A4",
    margins: { top: 57, bottom: 57, left: 71, right: 57 },
    info: {
      Title: title,
      Subject: reference,
      CreationDate: toDate(at),
      ModDate: toDate(at),
      Producer: "Lethe",
      Creator: "Lethe",
    },
  });
  const chunks: Buffer[] = [];
  document.on("data", (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise<void>((resolve, reject) => {
    document.on("end", resolve);
    document.on("error", reject);
  });
  document.font(fonts.plain).fontSize(size);
  print(
    document,
    marked.lexer(markdown).filter(({ type }) => type !== "space"),
  );
  document.end();
  await ended;
  return Buffer.concat(chunks);
};

/** Points from the top: below the window for the address (DIN 5008, form B: 45 mm and 45 mm high). */
const addressEnds = 275;

/** Where a list's bullet stands, and its text. */
const bullet = 6;
const hanging = 16;

const write = (document: PDFKit.PDFDocument, token: Token): void => {
  switch (token.type) {
    case "heading":
      document.font(fonts.strong).text(textOf(token)).font(fonts.plain).moveDown();
      return;
    case "list":
      for (const item of (token as Tokens.List).items) {
        const { x, y } = document;
        document.text("•", x + bullet, y, { lineBreak: false });
        document.x = x + hanging;
        document.y = y;
        writeRuns(document, runsOf(item.tokens));
        document.x = x;
      }
      document.moveDown();
      return;
    default:
      writeRuns(document, runsOf([token]));
      document.moveDown();
  }
};

const writeRuns = (document: PDFKit.PDFDocument, runs: readonly Run[]): void => {
  for (const [index, { text, face }] of runs.entries()) {
    document.font(fonts[face]).text(text, { continued: index < runs.length - 1, lineGap: 2 });
  }
  document.font(fonts.plain);
};

/** Text with its face; a line that is broken in the source goes on. */
const runsOf = (tokens: readonly Token[], face: Face = "plain"): readonly Run[] =>
  tokens.flatMap((token): readonly Run[] => {
    const within = "tokens" in token ? token.tokens : undefined;
    if (token.type === "strong" || token.type === "em") return runsOf(within ?? [], token.type);
    if (within !== undefined) return runsOf(within, face);
    return [{ text: unescaped("text" in token ? String(token.text) : token.raw).replaceAll("\n", " "), face }];
  });

const textOf = (token: Token): string =>
  runsOf([token])
    .map(({ text }) => text)
    .join("");

/** `marked` writes text as HTML does. */
const unescaped = (text: string): string =>
  text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&");
