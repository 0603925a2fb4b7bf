import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import ExcelJS from "exceljs";
import { Temporal } from "temporal-polyfill";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startEmbedded } from "#db/embedded.ts";
import { closePool, openPool, type Pool } from "#db/pool.ts";
import { calendar } from "#demo/calendar.ts";
import { generateCompany } from "#demo/generate.ts";
import type { Person } from "#demo/people.ts";
import { writeLetters } from "#demo/requests.ts";
import { databases, timeZone } from "#demo/workspace.ts";
import { fixedClock } from "#lib/clock.ts";
import { expectTamperEvident } from "#test/evidence/tamper.ts";
import { lethe, startLethe, type Ended } from "#test/support/cli.ts";
import { letheHere } from "#test/support/here.ts";

const now = Temporal.Now.instant().round("second").toString();
const size = { seed: 11, customers: 200 };
const demo = ["demo", "--now", now, "--seed", String(size.seed), "--customers", String(size.customers)];
const days = calendar(fixedClock(now), timeZone);
const sample = generateCompany({ ...size, days });
const box = writeLetters(size.seed, sample, days);

let directory: string;
let first: Ended;
let second: Ended;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "lethe-demo-"));
  first = await lethe(demo, { cwd: directory });
  second = await letheHere([...demo, "--json"], { cwd: directory });
}, 180_000);
afterAll(() => rm(directory, { recursive: true, force: true }));

type Document = {
  readonly requests: Readonly<Record<string, number>>;
  readonly residuals: number;
  readonly backups: { readonly purged: number };
  readonly before: Readonly<Record<string, number | string>>;
  readonly after: Readonly<Record<string, number | string>>;
  readonly verified: { readonly report: string; readonly key: string };
};
const shown = (): Document => JSON.parse(second.stdout) as Document;

/** What names a person; the name in full, since the parts are other people's too. */
const canaries = ({ email, phone, externalId, first: given, last }: Person): readonly string[] => [
  email.toLowerCase(),
  ...(phone === null ? [] : [phone]),
  ...(externalId === null ? [] : [externalId]),
  `${given.written} ${last.written}`.toLowerCase(),
];
const forgotten = new Set(box.free);
const namesakes = new Set(sample.people.filter((person) => !forgotten.has(person)).flatMap(canaries));
const erased = box.free.flatMap(canaries).filter((canary) => !namesakes.has(canary));
const foundIn = (text: string, wanted: readonly string[] = erased): readonly string[] => {
  const folded = text.toLowerCase();
  return wanted.filter((canary) => folded.includes(canary));
};

describe("lethe demo", () => {
  it("ends well, and a second time in the same directory too", () => {
    expect([first.code, second.code, first.stderr, second.stderr]).toEqual([
      0,
      0,
      expect.anything(),
      expect.anything(),
    ]);
  });

  it("forgets everybody whom nothing holds and nobody else", () => {
    const { requests, residuals, after } = shown();
    // One more waits: a person whom no store knows.
    expect(requests).toMatchObject({ done: box.free.length, blocked: box.held.length + 1, failed: 0, overdue: 0 });
    expect(residuals).toBe(0);
    expect(after["shells"]).toBe(box.free.length);
  });

  it("keeps every invoice and every amount", () => {
    const { before, after } = shown();
    for (const figure of ["customers", "invoices", "invoiced", "payments", "paid", "events", "revenue"]) {
      expect([figure, after[figure]]).toEqual([figure, before[figure]]);
    }
  });

  it("purges the backups that are older than thirty days", () => {
    expect(shown().backups.purged).toBeGreaterThanOrEqual(14);
  });

  it("leaves a bundle in which no bit of any file can change unseen", async () => {
    const { report, key } = shown().verified;
    const publicKey = await readFile(join(directory, key), "utf8");
    expect(await expectTamperEvident(join(directory, report), publicKey, { samples: 48 })).toBeGreaterThanOrEqual(
      5 * 48,
    );
  });

  it("leaves a bundle that verifies with the public key alone", async () => {
    const { report, key } = shown().verified;
    const verified = await letheHere(["verify", report, "--key", key], { cwd: directory });
    expect([verified.code, verified.stderr]).toEqual([0, ""]);
  });

  it("shows nobody who was forgotten on the terminal, in the logs or in the bundle", async () => {
    expect(erased.length).toBeGreaterThan(100);
    expect(foundIn([first, second].map(({ stdout, stderr }) => stdout + stderr).join("\n"))).toEqual([]);
    const bundle = join(directory, shown().verified.report);
    const texts: string[] = [];
    for (const name of await readdir(bundle)) {
      const path = join(bundle, name);
      texts.push(name, name.endsWith(".xlsx") ? await textOfWorkbook(path) : await readFile(path, "utf8"));
    }
    expect(texts.length).toBeGreaterThanOrEqual(8);
    expect(foundIn(texts.join("\n"))).toEqual([]);
  });

  it("leaves nobody who was forgotten in Lethe's own tables, nor in the company's", async () => {
    const server = await startEmbedded(join(directory, ".lethe/demo/.lethe"));
    try {
      const own = await dump(server.url(databases.state));
      expect(own.length).toBeGreaterThan(1000);
      expect(foundIn(own)).toEqual([]);
      const company = await dump(server.url(databases.store));
      expect(foundIn(company)).toEqual([]);
      // The search would have found somebody: those who are held are still there.
      expect(foundIn(company, box.held.flatMap(canaries)).length).toBe(box.held.flatMap(canaries).length);
    } finally {
      await server.stop();
    }
  });

  it("forgets the history of addresses that are gone, and keeps that of addresses that others live at", async () => {
    const server = await startEmbedded(join(directory, ".lethe/demo/.lethe"));
    const pool = openPool({ url: server.url(databases.store), applicationName: "lethe test", label: "test" });
    try {
      const { rows } = await pool.raw.query(`select
        (select count(*) from address_history h where not exists (select from addresses a where a.id = h.address_id)) as left_over,
        (select count(*) from addresses a where not exists (select from address_history h where h.address_id = a.id)) as lost`);
      expect(rows).toEqual([{ left_over: 0, lost: 0 }]);
    } finally {
      await closePool(pool);
      await server.stop();
    }
  });

  it("refuses to start while another demo is at work in the directory, and leaves that one alone", async () => {
    const other = startLethe(demo, { cwd: directory });
    await untilAtWork();
    // However fast the machine: that one is at work for as long as the other is patient.
    other.kill("SIGSTOP");
    const refused = await letheHere([...demo, "--json"], { cwd: directory });
    other.kill("SIGCONT");
    expect([refused.code, JSON.parse(refused.stdout)]).toMatchObject([1, { error: { code: "RUN_IN_PROGRESS" } }]);
    expect((await other.ended).code).toBe(0);
  }, 120_000);

  it("refuses a directory that somebody else filled, and leaves it as it was", async () => {
    const foreign = join(directory, "foreign");
    await mkdir(foreign);
    await writeFile(join(foreign, "lethe.yaml"), "mine");
    const refused = await letheHere(["demo", "--directory", foreign], { cwd: directory });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("FILE_EXISTS");
    expect(await readdir(foreign)).toEqual(["lethe.yaml"]);
  });
});

/** Until a demo has begun to furnish the directory again: the old requests are gone. */
const untilAtWork = async (): Promise<void> => {
  const requests = join(directory, ".lethe/demo/requests.csv");
  while (await stat(requests).catch(() => undefined)) await sleep(20);
};

const textOfWorkbook = async (path: string): Promise<string> => {
  const workbook = new ExcelJS.Workbook();
  await workbook.xlsx.readFile(path);
  return workbook.worksheets.map((sheet) => JSON.stringify([sheet.name, sheet.getSheetValues()])).join("\n");
};

/** Every row of every table and materialised view of a database, as text. */
const dump = async (url: string): Promise<string> => {
  const pool: Pool = openPool({ url, applicationName: "lethe test", label: "test" });
  try {
    const tables = await pool.raw.query<{ name: string }>(
      `select format('%I.%I', schemaname, name) as name from (
         select schemaname, tablename as name from pg_tables union all select schemaname, matviewname from pg_matviews) t
       where schemaname not in ('pg_catalog', 'information_schema')`,
    );
    const parts: string[] = [];
    for (const { name } of tables.rows) {
      const { rows } = await pool.raw.query<{ row: string }>(`select t::text as row from ${name} t`);
      parts.push(...rows.map(({ row }) => row));
    }
    return parts.join("\n");
  } finally {
    await closePool(pool);
  }
};
