import fc from "fast-check";
import { Temporal } from "temporal-polyfill";
import { expect, test } from "vitest";
import { withDependents } from "#backups/chains.ts";
import { decide } from "#backups/decide.ts";
import type { BackupSet } from "#backups/repository.ts";
import { isWhole } from "#backups/wal-segments.ts";

const now = Temporal.Instant.from("2026-11-22T03:00:00Z");
const retention = { keepDays: 30, timeZone: "Europe/Berlin", now };
const setOf = (name: string, daysAgo: number, needs: readonly string[] = []): BackupSet => {
  const taken = now.subtract({ hours: 24 * daysAgo });
  return { name, sha256: name, bytes: 1, taken, modified: taken, sideCar: "match", needs, restores: taken };
};
const inventory = (...sets: readonly BackupSet[]) => ({
  sets,
  names: new Set(sets.map(({ name }) => name)),
  oddities: [],
  logs: [],
});
const namesOf = (sets: Iterable<BackupSet>): string[] => [...sets].map(({ name }) => name).toSorted();

test("a full backup that is due goes with what builds on it, be that young", () => {
  const [full, diff, incr] = [setOf("F1", 31), setOf("D1", 10, ["F1"]), setOf("I1", 9, ["F1", "D1"])];
  const newest = setOf("F2", 5);
  const { purge, exceptions } = decide(
    inventory(full, diff, incr, newest),
    { good: newest, rejected: [] },
    retention,
    new Set(),
  );
  expect(namesOf(purge)).toEqual(["D1", "F1", "I1"]);
  expect(exceptions).toEqual([]);
});

test("nothing goes where the newest good backup builds on what is due, and the exception names the day since when", () => {
  const [full, diff] = [setOf("F1", 31), setOf("D1", 1, ["F1"])];
  const { purge, exceptions } = decide(inventory(full, diff), { good: diff, rejected: [] }, retention, new Set());
  expect(purge).toEqual([]);
  expect(exceptions).toEqual([{ name: "D1", code: "BACKUP_LAST_GOOD", breach: "2026-11-21" }]);
});

test("of what is due all goes but the newest good backup with what it builds on, which breaks the retention since its oldest does", () => {
  const [before, its] = [setOf("F0", 40), setOf("D0", 35, ["F0"])];
  const [full, diff, broken] = [setOf("F1", 33), setOf("D1", 32, ["F1"]), setOf("D2", 31, ["F1"])];
  const rejected = [{ set: broken, code: "BACKUP_NOT_RESTORABLE" as const }];
  const all = inventory(before, its, full, diff, broken);
  const { purge, exceptions } = decide(all, { good: diff, rejected }, retention, new Set());
  expect(namesOf(purge)).toEqual(["D0", "D2", "F0"]);
  expect(exceptions.at(-1)).toEqual({ name: "D1", code: "BACKUP_LAST_GOOD", breach: "2026-11-19" });
});

test("what a legal hold keeps breaks no retention, whatever is wrong with it or with the newest", () => {
  const [held, due, newest] = [setOf("F1", 40), setOf("F2", 31), setOf("F3", 1)];
  const rejected = [newest, held].map((set) => ({ set, code: "BACKUP_NOT_RESTORABLE" as const }));
  const breaches = (sets: readonly BackupSet[], kept: readonly BackupSet[]) => {
    const { exceptions } = decide(inventory(...sets), { good: undefined, rejected }, retention, new Set(namesOf(kept)));
    return exceptions.map(({ name, code, breach }) => [name, code, breach]);
  };
  expect(breaches([held, due, newest], [held])).toEqual([
    ["F3", "BACKUP_NOT_RESTORABLE", "2026-12-21"],
    ["F1", "BACKUP_NOT_RESTORABLE", null],
    ["F1", "BACKUP_LAST_GOOD", "2026-11-21"],
  ]);
  expect(breaches([held], [held]).at(-1)).toEqual(["F1", "BACKUP_LAST_GOOD", null]);
});

test("an incremental backup that is broken stops no purge, and a newest full one does", () => {
  const [old, full, incr] = [setOf("F1", 31), setOf("F2", 5), setOf("I2", 4, ["F2"])];
  const all = inventory(old, full, incr);
  const broken = (set: BackupSet) => [{ set, code: "BACKUP_NOT_RESTORABLE" as const }];
  expect(namesOf(decide(all, { good: full, rejected: broken(incr) }, retention, new Set()).purge)).toEqual(["F1"]);
  const other = setOf("F0", 20);
  const without = inventory(old, other, full);
  expect(decide(without, { good: other, rejected: broken(full) }, retention, new Set()).purge).toEqual([]);
});

test("whatever goes, nothing that stays needs it, and each goes before what it needs", () => {
  const chains = fc.array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: 1, maxLength: 12 }).map((needs) =>
    needs.map((of, index) => {
      const earlier = index === 0 ? [] : [...new Set(of.map((n) => `S${n % index}`))];
      return setOf(`S${index}`, 40 - index, earlier);
    }),
  );
  fc.assert(
    fc.property(chains, fc.array(fc.nat(), { maxLength: 4 }), (sets, picked) => {
      const some = picked.flatMap((n) => sets[n % sets.length] ?? []);
      const gone = [...withDependents(sets, some)].map(({ name }) => name);
      expect(gone).toEqual(expect.arrayContaining(some.map(({ name }) => name)));
      for (const { name, needs } of sets) {
        const place = gone.indexOf(name);
        if (place < 0) expect(needs.filter((each) => gone.includes(each))).toEqual([]);
        else
          for (const each of needs) expect(gone.includes(each) ? gone.indexOf(each) : place + 1).toBeGreaterThan(place);
      }
    }),
  );
});

test.each([
  ["within a log", "000000010000000000000002", "000000010000000000000004", 256],
  ["over the end of a log of 256 segments", "0000000100000000000000FE", "000000010000000100000001", 256],
  ["over the end of a log of 64 segments", "00000001000000020000003E", "000000010000000300000002", 64],
])("a log is whole %s only with every segment", (_, start, stop, perLog) => {
  const all: string[] = [];
  const hex = (n: number) => n.toString(16).toUpperCase().padStart(8, "0");
  const number = (name: string) =>
    Number.parseInt(name.slice(8, 16), 16) * perLog + Number.parseInt(name.slice(16), 16);
  for (let n = number(start); n <= number(stop); n += 1)
    all.push(`00000001${hex(Math.floor(n / perLog))}${hex(n % perLog)}`);
  expect(isWhole(new Set(all), { start, stop })).toBe(true);
  for (const missing of all) {
    const others = new Set(all.filter((name) => name !== missing));
    expect(isWhole(others, { start, stop })).toBe(false);
  }
});
