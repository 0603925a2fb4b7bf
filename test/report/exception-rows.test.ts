import { expect, test } from "vitest";
import { exceptionRows } from "#report/exception-rows.ts";
import { sampleSource } from "#test/report/sample-source.ts";

test("a backup that will break the retention is told from one that does", async () => {
  const { head, rows } = sampleSource(1);
  const exceptions = [
    { name: "today.dump", code: "BACKUP_NOT_DELETED" as const, breach: head.today },
    { name: "later.dump", code: "BACKUP_NOT_RESTORABLE" as const, breach: "2199-12-01" },
    { name: "never.dump", code: "BACKUP_HELD" as const, breach: null },
  ];
  const backups = head.backups.slice(0, 1).map((item) => ({ ...item, exceptions }));
  const listed = await Array.fromAsync(exceptionRows({ head: { ...head, backups }, rows }));
  expect(
    listed.flatMap(({ what, name, urgent, since, due }) =>
      name.endsWith(".dump") ? [[what, name, urgent, since, due]] : [],
    ),
  ).toEqual([
    ["backup kept too long", "today.dump", true, head.today, null],
    ["backup exception", "later.dump", false, null, "2199-12-01"],
    ["backup exception", "never.dump", false, null, null],
  ]);
});
