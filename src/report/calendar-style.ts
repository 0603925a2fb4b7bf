import type { Style } from "exceljs";
import type { Mark } from "#report/calendar.ts";
import { ink, inkOf, line, mist, paper, solid } from "#report/palette.ts";

type Look = { readonly letter: string; readonly fill: string; readonly ink: string };

/** A letter beside the colour: one man in twelve does not see red from green, and printers know neither. */
const looks: Readonly<Record<Mark, Look>> = {
  present: { letter: "B", fill: inkOf("accent"), ink: paper },
  verified: { letter: "V", fill: inkOf("good"), ink: paper },
  purged: { letter: "P", fill: line, ink },
  exception: { letter: "!", fill: inkOf("bad"), ink: paper },
  vanished: { letter: "X", fill: inkOf("warn"), ink: paper },
};

const nothing: Look = { letter: "·", fill: mist, ink: inkOf("muted") };

const gap = { style: "thin", color: { argb: paper } } as const;

export const letterOf = (mark: Mark | null): string => (mark === null ? nothing : looks[mark]).letter;

/** `begins`: a line is drawn on its left. */
export const markStyle = (mark: Mark | null, begins = false): Partial<Style> => {
  const look = mark === null ? nothing : looks[mark];
  return {
    numFmt: "@",
    font: { name: "Calibri", size: 10, bold: mark !== null, color: { argb: look.ink } },
    fill: solid(look.fill),
    alignment: { vertical: "middle", horizontal: "center" },
    border: {
      top: gap,
      bottom: gap,
      right: gap,
      left: begins ? { style: "thick", color: { argb: ink } } : gap,
    },
  };
};

export type DayKind = "today" | "weekend" | "weekday";

export const dayStyle = (kind: DayKind, row: "number" | "weekday"): Partial<Style> => ({
  numFmt: row === "number" ? "0" : "@",
  font: {
    name: "Calibri",
    size: row === "number" ? 9 : 8,
    bold: kind === "today",
    color: { argb: kind === "today" ? paper : inkOf(kind === "weekend" ? "muted" : "plain") },
  },
  fill: solid(kind === "today" ? ink : kind === "weekend" ? mist : paper),
  alignment: { vertical: "middle", horizontal: "center" },
});
