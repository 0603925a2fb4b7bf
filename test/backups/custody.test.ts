import { mkdir, rename } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { completeErased } from "#backups/custody.ts";
import { purgeBackups } from "#backups/purge.ts";
import type { Context } from "#context.ts";
import { backupsHolding } from "#db/holding-backups.ts";
import { goodGzip, scene, writeNights, writeSet, type Scene } from "#test/backups/repository-files.ts";

const erasedAt = "2026-11-10T02:30:00Z";

let at: Scene;
beforeEach(async () => {
  at = await scene("2026-11-10T03:00:00Z");
});
afterEach(() => at.dispose());

const erased = async (ref: string, moment: string, ...stores: string[]): Promise<void> => {
  const [row] = await at.state.query<{ id: number }>(
    `insert into lethe.request (ref, state, received_on, due_on, due_basis, created_at, changed_at, erased_at)
     values ($1, 'erased', '2026-11-01', '2026-12-01', 'GDPR Art. 12(3)', $2, $2, $2) returning id`,
    [ref, moment],
  );
  await at.newRun("R0");
  for (const store of stores) {
    await at.state.query(
      `insert into lethe.disposition (request_id, store, table_name, treatment, rows, spared, run_id)
       values ($1, $2, 'customers', 'anonymise', 1, 0, 'R0')`,
      [row?.id, store],
    );
    await at.state.query(
      `insert into lethe.suppression values (decode(md5($1), 'hex'), 'k1', $2, $3, null, '2026-12-10') on conflict do nothing`,
      [ref, store, moment],
    );
  }
};

/** Another request of the same person: rows are on record for the first. */
const erasedAsWell = async (ref: string, moment: string, store: string): Promise<void> => {
  await erased(ref, moment);
  await at.state.query(
    "insert into lethe.outcome select id, $2, 'anonymised', 'R0' from lethe.request where ref = $1",
    [ref, store],
  );
};

const night = async (now: string, context: Context = at.on(now)): Promise<number> => {
  const run = await at.newRun(now);
  await purgeBackups(context, run);
  return (await completeErased(context, run)).completed;
};
const holding = (ref: string) => backupsHolding(at.context.state.db, at.context.config, ref);
const state = async (ref: string): Promise<string | undefined> =>
  (await at.state.query<{ state: string }>("select state from lethe.request where ref = $1", [ref]))[0]?.state;
const suppressed = async (): Promise<number> =>
  Number((await at.state.query<{ n: number }>("select count(*) as n from lethe.suppression"))[0]?.n);

test("night by night fewer backups hold the subject; when the last is purged the request is completed, and only then", async () => {
  await writeNights(at.path, 33, "2026-12-12");
  await erased("R-1", erasedAt, "shop");
  await erasedAsWell("R-2", erasedAt, "shop");

  expect(await night("2026-12-08T03:00:00Z")).toBe(0);
  const left = {
    repository: "nightly",
    configured: true,
    store: "shop",
    sets: 1,
    logs: 0,
    newest: "2026-11-10",
    clearOn: "2026-12-10",
    holds: [],
  };
  expect([await holding("R-1"), await holding("R-2")]).toEqual([[left], [left]]);
  expect(await night("2026-12-10T01:00:00Z")).toBe(0);
  expect([await state("R-1"), await suppressed()]).toEqual(["erased", 1]);

  expect(await night("2026-12-10T03:00:00Z")).toBe(2);
  expect([await state("R-1"), await suppressed()]).toEqual(["completed", 0]);
  expect(await holding("R-1")).toEqual([]);
  expect(await at.entries("request.completed", "suppression.destroyed")).toEqual([
    { kind: "request.completed", request: "R-1" },
    { kind: "request.completed", request: "R-2" },
    { kind: "suppression.destroyed", store: "shop", entries: 1 },
  ]);

  expect(await night("2026-12-11T03:00:00Z")).toBe(0);
  expect(await at.entries("request.completed", "suppression.destroyed")).toHaveLength(3);
});

test("requests are completed one after the other, as their own last backups go", async () => {
  await writeNights(at.path, 40, "2026-12-20");
  for (const day of ["12", "13", "14"]) await erased(`R-${day}`, `2026-11-${day}T02:30:00Z`, "shop");
  expect(await night("2026-12-12T03:00:00Z")).toBe(1);
  expect(await suppressed()).toBe(2);
  expect(await night("2026-12-13T03:00:00Z")).toBe(1);
  expect(await suppressed()).toBe(1);
  expect([await state("R-12"), await state("R-13"), await state("R-14")]).toEqual(["completed", "completed", "erased"]);
});

test("a set whose two dates disagree holds the subject if either is before the erasure", async () => {
  await writeNights(at.path, 3, "2026-12-12");
  await writeSet(at.path, "copy-2026-12-11.sql.gz", goodGzip("x"), "2026-11-01T02:00:00Z");
  await writeSet(at.path, "copy-2026-11-01.sql.gz", goodGzip("y"), "2026-12-11T02:00:00Z");
  await erased("R-1", erasedAt, "shop");
  expect(await night("2026-12-12T03:00:00Z")).toBe(0);
  expect(await holding("R-1")).toMatchObject([{ sets: 2 }]);
});

test("a request waits for the backups of every store that it touched", async () => {
  await writeNights(at.path, 3, "2026-11-12");
  await erased("R-both", erasedAt, "shop", "crm");
  await erased("R-crm", erasedAt, "crm");
  const context = at.on("2026-11-12T03:00:00Z");
  const [shop] = context.config.stores;
  if (shop === undefined) throw new Error("no store");
  const config = { ...context.config, stores: [shop, { ...shop, name: "crm" }] };
  expect(await night("2026-11-12T03:00:00Z", { ...context, config })).toBe(1);
  expect([await state("R-both"), await state("R-crm")]).toEqual(["erased", "completed"]);
  expect(await at.state.query("select store from lethe.suppression")).toEqual([{ store: "shop" }]);
});

test("a store that the configuration no longer names is never clear", async () => {
  await writeNights(at.path, 2, "2026-12-22");
  await erased("R-1", erasedAt, "renamed");
  expect(await night("2026-12-22T03:00:00Z")).toBe(0);
  expect(await suppressed()).toBe(1);
});

test("an unreadable or empty repository proves nothing: nobody is completed", async () => {
  await writeNights(at.path, 2, "2026-11-10");
  await erased("R-1", erasedAt, "shop");
  await night("2026-11-10T03:00:00Z");
  await rename(at.path, `${at.path}-away`);
  expect(await night("2026-12-20T03:00:00Z")).toBe(0);
  await mkdir(at.path);
  expect(await night("2026-12-21T03:00:00Z")).toBe(0);
  expect([await state("R-1"), await suppressed()]).toEqual(["erased", 1]);
});

test("custody counts on this run's own listing, not on an older one", async () => {
  await writeNights(at.path, 2, "2026-12-22");
  await erased("R-1", erasedAt, "shop");
  const context = at.on("2026-12-22T03:00:00Z");
  await purgeBackups(context, await at.newRun("R1"));
  expect(await completeErased(context, await at.newRun("R2"))).toEqual({ completed: 0 });
  expect(await completeErased(context, await at.newRun("R1"))).toEqual({ completed: 1 });
});

test("2,500 requests are completed in bounded transactions, each told once", async () => {
  await writeNights(at.path, 2, "2026-12-22");
  await at.state.query(
    `insert into lethe.request (ref, state, received_on, due_on, due_basis, created_at, changed_at, erased_at)
     select 'R-' || n, 'erased', '2026-11-01', '2026-12-01', 'x', $1, $1, $1 from generate_series(1, 2500) n`,
    [erasedAt],
  );
  await at.newRun("R0");
  await at.state.query(
    `insert into lethe.disposition (request_id, store, table_name, treatment, rows, spared, run_id)
     select id, 'shop', 'customers', 'anonymise', 1, 0, 'R0' from lethe.request`,
  );
  expect(await night("2026-12-22T03:00:00Z")).toBe(2_500);
  expect(new Set((await at.entries("request.completed")).map((entry) => entry["request"])).size).toBe(2_500);
});
