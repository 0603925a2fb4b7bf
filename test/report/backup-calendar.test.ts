import { PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";
import exceljs, { type Worksheet } from "exceljs";
import { expect, test } from "vitest";
import { backupCalendar } from "#report/backup-calendar.ts";
import { renderWorkbook } from "#report/render-workbook.ts";
import type { BackupSetItem, RepositoryItem } from "#report/report-document.ts";
import type { ReportSource } from "#report/report-source.ts";
import { runReport } from "#reports/run-report.ts";
import { each, sampleSource } from "#test/report/sample-source.ts";

const digest = "4f".repeat(32);

const set = (name: string, taken: string, more: Partial<BackupSetItem> = {}): BackupSetItem => ({
  repository: "dumps",
  name,
  sha256: digest,
  bytes: 1,
  taken,
  state: "listed",
  purgedAt: null,
  verifiedAt: null,
  ...more,
});

const repository = (name: string, more: Partial<RepositoryItem> = {}): RepositoryItem => ({
  repository: name,
  store: "shop",
  keepDays: 30,
  kept: 0,
  bytes: 0,
  oldest: null,
  newest: null,
  log: null,
  verified: null,
  drill: null,
  purged: [],
  vanished: [],
  exceptions: [],
  ...more,
});

/** Read on 2 November in Berlin, an hour ahead of UTC since 25 October. */
const sourceOf = (backups: readonly RepositoryItem[], sets: readonly BackupSetItem[]): ReportSource => {
  const source = sampleSource(1, { backupSets: () => each(sets) });
  return { ...source, head: { ...source.head, backups: [...backups] } };
};

const drawn = async (source: ReportSource): Promise<Worksheet> => {
  const output = new PassThrough();
  const [bytes] = await Promise.all([buffer(output), renderWorkbook(source, runReport, output)]);
  const workbook = new exceljs.Workbook();
  await workbook.xlsx.load(bytes as unknown as exceljs.Buffer);
  const sheet = workbook.getWorksheet("Backup calendar");
  if (sheet === undefined) throw new Error("no calendar");
  return sheet;
};

const texts = (sheet: Worksheet): string[] => {
  const found: string[] = [];
  sheet.eachRow((row) => row.eachCell((cell) => found.push(cell.text)));
  return found;
};

test("a backup stands on the day on which it was taken in the controller's time zone", async () => {
  const sets = [set("a", "2026-11-01T23:30:00.000Z"), set("b", "2026-10-03T22:30:00.000Z")];
  const { days, lanes } = await backupCalendar(sourceOf([repository("dumps")], sets));
  expect(days).toHaveLength(45);
  expect([days[0], days.at(-1)]).toEqual(["2026-09-19", "2026-11-02"]);
  const marked = days.filter((_, index) => lanes[0]?.days[index] !== null);
  expect(marked).toEqual(["2026-10-04", "2026-11-02"]);
});

test("days say what became of their backups: what is wrong before what is there, and what is there before what is gone", async () => {
  const at = (day: string) => `2026-10-${day}T10:00:00.000Z`;
  const sets = [
    set("present", at("31")),
    set("verified", at("30"), { verifiedAt: at("31") }),
    set("purged", at("02"), { state: "purged", purgedAt: at("31") }),
    set("vanished", at("29"), { state: "vanished" }),
    set("condemned", at("03"), { state: "condemned" }),
    set("wrong", at("28")),
    set("purged too", at("04"), { state: "purged", purgedAt: at("31") }),
    set("but this is there", at("04")),
    set("long ago", "2026-01-01T10:00:00.000Z", { state: "purged", purgedAt: at("31") }),
  ];
  const wrong = repository("dumps", {
    exceptions: [{ name: "wrong", code: "BACKUP_NOT_RESTORABLE", breach: "2026-11-27" }],
  });
  const source = sourceOf([wrong], sets);
  const { days, lanes } = await backupCalendar(source);
  const [lane] = lanes;
  const on = (day: string) => lane?.days[days.indexOf(`2026-10-${day}`)];
  expect(["31", "30", "29", "28", "27", "04", "03", "02"].map(on)).toEqual([
    "present",
    "verified",
    "vanished",
    "exception",
    null,
    "present",
    "present",
    "purged",
  ]);
  expect(days[lane?.kept ?? -1]).toBe("2026-10-03");
  expect(lane?.earlier).toMatchObject({ purged: 1, present: 0 });
});

test("the calendar counts as purged what the report counts as purged, whatever was wrong with it", async () => {
  const taken = "2026-10-01T10:00:00.000Z";
  const gone = { state: "purged" as const, purgedAt: "2026-11-01T10:00:00.000Z" };
  // A file that is replaced every night has one name, and one of its sets is there.
  const sets = [
    set("latest.dump", taken, gone),
    set("latest.dump", "2026-10-31T10:00:00.000Z", { sha256: "5a".repeat(32) }),
    set("old.dump", "2026-09-01T10:00:00.000Z"),
    set("back.dump", "2026-10-30T10:00:00.000Z"),
  ];
  const exceptions = [
    { name: "latest.dump", code: "BACKUP_CHECKSUM", breach: null },
    { name: "old.dump", code: "BACKUP_LAST_GOOD", breach: "2026-10-02" },
    // Taken away, and put back since.
    { name: "back.dump", code: "BACKUP_VANISHED", breach: null },
  ];
  const source = sourceOf([repository("dumps", { exceptions })], sets);
  const { days, lanes } = await backupCalendar(source);
  expect(lanes[0]?.all).toEqual({ purged: 1, present: 3, verified: 0, vanished: 0, exception: 2 });
  expect(lanes[0]?.earlier).toEqual({ purged: 0, present: 1, verified: 0, vanished: 0, exception: 1 });
  const on = (day: string) => lanes[0]?.days[days.indexOf(`2026-10-${day}`)];
  expect(["01", "30", "31"].map(on)).toEqual(["purged", "present", "exception"]);
  const sheet = await drawn(source);
  expect(texts(sheet)).toContain("1 present, 1 of them with an exception");
  expect(texts(sheet)).toContain(
    "dumps: 3 present, 2 of them with an exception, 1 purged. None was read to its end. None was restored to try it.",
  );
});

test("a cell of the calendar is a letter and a colour, and the words for them stand below it", async () => {
  const sheet = await drawn(sampleSource(1));
  const lane = sheet.getRow(7);
  expect([1, 2, 3].map((column) => lane.getCell(column).text)).toEqual(["nightly-dumps", "shop, 30 days", ""]);
  const letters = Array.from({ length: 45 }, (_, index) => lane.getCell(4 + index).text).join("");
  expect(letters).toBe(`${"·".repeat(8)}PPPPPP${"B".repeat(21)}VVVVVVVVV·`);
  const fills = new Set(
    ["·", "P", "B", "V"].map((letter) => JSON.stringify(lane.getCell(4 + letters.indexOf(letter)).fill)),
  );
  expect(fills.size).toBe(4);
  expect(lane.getCell(4 + letters.indexOf("B")).border.left?.style).toBe("thick");
  expect(sheet.getRow(5).getCell(48).value).toBe(2);
  for (const words of ["present and verified: one can restore from it", "exception: see below"]) {
    expect(texts(sheet)).toContain(words);
  }
  expect(texts(sheet).filter((text) => text.startsWith("nightly-dumps: "))).toEqual([
    "nightly-dumps: 9 present and verified, 21 present, 6 purged. Last read to its end: shop-20261101-00.dump.",
    "nightly-dumps: on 2026-11-01 shop-20261031-00.dump was restored to try it, in 41 s; 12 erased again in 6 s, and nothing was left of them",
    "nightly-dumps: shop-20260915.dump, BACKUP_LAST_GOOD: a breach of the retention period from 2026-10-15 on",
  ]);
});

test("each repository has its row and the line of its own retention, where that is in the picture", async () => {
  const lanes = [
    repository("a", { keepDays: 7 }),
    repository("b", { keepDays: 400 }),
    repository("c", { keepDays: null, store: null }),
  ];
  const sheet = await drawn(sourceOf(lanes, []));
  const lineOf = (row: number): number | null => {
    const found = Array.from({ length: 45 }, (_, index) => index).find(
      (index) => sheet.getRow(row).getCell(4 + index).border.left?.style === "thick",
    );
    return found ?? null;
  };
  expect([7, 8, 9].map((row) => [sheet.getRow(row).getCell(1).text, lineOf(row)])).toEqual([
    ["a", 37],
    ["b", null],
    ["c", null],
  ]);
});

test("without a repository the calendar says so", async () => {
  expect(texts(await drawn(sourceOf([], [])))).toContain("No backup repository is configured.");
});
