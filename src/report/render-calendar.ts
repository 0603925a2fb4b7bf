import type { Row, Style, Worksheet } from "exceljs";
import { Temporal } from "temporal-polyfill";
import { textOf } from "#report/cell.ts";
import { dayStyle, letterOf, markStyle, type DayKind } from "#report/calendar-style.ts";
import type { Calendar, Lane } from "#report/calendar.ts";
import { inkOf, line, wordStyle } from "#report/palette.ts";
import { page, writeHeading } from "#report/render-sheet.ts";
import type { CalendarSheet, WorkbookSource } from "#report/workbook-definition.ts";
import type { Writer } from "#report/workbook-stream.ts";

/** Name, facts, and what lies before the first day. */
const before = [22, 20, 24] as const;
const firstDay = before.length + 1;

const months = new Intl.DateTimeFormat("en-GB", { month: "long", year: "numeric", timeZone: "UTC" });
const weekdays = ["M", "T", "W", "T", "F", "S", "S"];

/**
 * A calendar in cells and not as a chart: a cell is a day, its colour and letter the state. No kind of chart knows that; of cells every program, screen
 * reader and printer does, and they can be searched. Resolves to the number of lanes.
 */
export const renderCalendar = async <Source extends WorkbookSource>(
  writer: Writer,
  definition: CalendarSheet<Source>,
  source: Source,
  footer: string,
): Promise<number> => {
  const calendar = await definition.calendar(source);
  const { days, lanes } = calendar;
  const sheet = writer.addSheet(definition.name, {
    ...page(footer),
    views: [{ showGridLines: false, state: "normal" }],
    properties: { tabColor: { argb: inkOf(definition.tab) } },
  });
  sheet.columns = [...before, ...days.map(() => 3.4)].map((width) => ({ width }));
  writeHeading(sheet, definition);
  let row = header(sheet, 4, days);
  for (const lane of lanes) row = laneAt(sheet, row, lane);
  if (lanes.length === 0) put(sheet.getRow(row++), 1, calendar.empty, wordStyle(10, "muted"));
  row = legend(sheet, row + 1, calendar) + 1;
  for (const sentence of lanes.flatMap(({ sentences }) => sentences)) {
    const { text, tone } = typeof sentence === "string" ? { text: sentence, tone: "plain" as const } : sentence;
    put(sheet.getRow(row++), 1, text, wordStyle(10, tone, { bold: tone !== "plain" }));
  }
  (sheet as Worksheet & { commit(): void }).commit();
  return lanes.length;
};

const put = (row: Row, column: number, value: string | number, style: Partial<Style>): void => {
  const cell = row.getCell(column);
  cell.value = typeof value === "string" ? textOf(value) : value;
  cell.style = style;
};

const marksInRow = 3;

/** Below the days, in rows of a few: the words of a mark run over the days beside it. */
const legend = (sheet: Worksheet, top: number, { legend: entries, days }: Calendar): number => {
  const room = Math.floor(days.length / marksInRow);
  for (const [index, { mark, text }] of entries.entries()) {
    const row = sheet.getRow(top + Math.floor(index / marksInRow));
    row.height = 18;
    const column = firstDay + (index % marksInRow) * room;
    put(row, column, letterOf(mark), markStyle(mark));
    put(row, column + 1, text, { ...wordStyle(10, "plain"), alignment: { vertical: "middle", indent: 1 } });
  }
  return top + Math.ceil(entries.length / marksInRow);
};

/** Months, days and weekdays. */
const header = (sheet: Worksheet, top: number, days: readonly string[]): number => {
  const [month, number, weekday] = [sheet.getRow(top), sheet.getRow(top + 1), sheet.getRow(top + 2)];
  for (const [index, name] of ["Repository", "Store, kept for", "Earlier"].entries()) {
    put(weekday, index + 1, name, { ...wordStyle(10, "plain", { bold: true }), border: { bottom: rule } });
  }
  for (const [index, day] of days.entries()) {
    const column = firstDay + index;
    const date = Temporal.PlainDate.from(day);
    const kind: DayKind = index === days.length - 1 ? "today" : date.dayOfWeek > 5 ? "weekend" : "weekday";
    // The name of a month runs over its days, if it has some more.
    const named = index === 0 ? date.daysInMonth - date.day >= 4 : date.day === 1;
    const begins = named ? { left: rule } : {};
    if (named && days.length - index >= 5) {
      const name = months.format(date.toZonedDateTime("UTC").toInstant().epochMilliseconds);
      put(month, column, name, { ...wordStyle(10, "plain", { bold: true }), border: begins });
    }
    put(number, column, date.day, { ...dayStyle(kind, "number"), border: begins });
    put(weekday, column, weekdays[date.dayOfWeek - 1] ?? "", {
      ...dayStyle(kind, "weekday"),
      border: { bottom: rule, ...begins },
    });
  }
  return top + 3;
};

const rule = { style: "thin", color: { argb: line } } as const;

const laneAt = (sheet: Worksheet, number: number, { name, facts, earlier, days, begins }: Lane): number => {
  const row = sheet.getRow(number);
  row.height = 28;
  put(row, 1, name, wordStyle(11, "plain", { bold: true }));
  put(row, 2, facts, wordStyle(10, "muted"));
  put(row, 3, earlier ?? "", wordStyle(10, "muted", { wrap: true }));
  for (const [index, mark] of days.entries()) {
    put(row, firstDay + index, letterOf(mark), markStyle(mark, index === begins));
  }
  return number + 1;
};
