// Parts of packages that can be loaded without the rest, and that the packages themselves do not describe.

declare module "date-holidays/data" {
  type Divided = {
    readonly states?: Readonly<Record<string, object>>;
    readonly regions?: Readonly<Record<string, object>>;
  };
  /** Countries by ISO 3166-1 code, their parts by ISO 3166-2 code without the country. */
  export const data: { readonly holidays: Readonly<Record<string, Divided>> };
}

declare module "exceljs/lib/stream/xlsx/workbook-writer.js" {
  import type { stream } from "exceljs";

  const WorkbookWriter: typeof stream.xlsx.WorkbookWriter;
  export = WorkbookWriter;
}

declare module "exceljs/lib/utils/parse-sax.js" {
  type Event =
    | { readonly eventType: "text"; readonly value: string }
    | {
        readonly eventType: "opentag" | "closetag";
        readonly value: { readonly name: string; readonly attributes: Readonly<Record<string, string>> };
      };

  const parseSax: (chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>) => AsyncIterable<readonly Event[]>;
  export = parseSax;
}
