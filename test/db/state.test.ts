import { sql } from "kysely";
import { afterAll, expect, test } from "vitest";
import { closePool } from "#db/pool.ts";
import { openState } from "#db/state.ts";
import { createDatabase, type TestDatabase } from "#test/support/database.ts";
import { testState } from "#test/support/context.ts";

const databases: TestDatabase[] = [];
const fresh = async (): Promise<TestDatabase> => {
  const database = await createDatabase();
  databases.push(database);
  return database;
};
afterAll(() => Promise.all(databases.map((database) => database.drop())));

test("makes the schema of Lethe's own database, and leaves it as it is the second time", async () => {
  const { url } = await fresh();
  const first = await openState(url);
  await first.db
    .insertInto("lethe.job_state")
    .values({ job: "nightly", last_due_at: null, last_ended_at: null })
    .execute();
  await closePool(first.pool);
  const second = await openState(url);
  expect(await second.db.selectFrom("lethe.job_state").select("job").execute()).toEqual([{ job: "nightly" }]);
  await closePool(second.pool);
});

test("two processes that open a new database at once both succeed", async () => {
  const { url } = await fresh();
  const states = await Promise.all([openState(url), openState(url), openState(url)]);
  for (const state of states) expect((await sql`select from lethe.request`.execute(state.db)).rows).toEqual([]);
  await Promise.all(states.map((state) => closePool(state.pool)));
});

test("refuses with the database's code and never repeats the URL", async () => {
  const { url } = await fresh();
  const wrong = url.replace(/:[^:@]+@/, ":not-the-password@");
  await expect(openState(wrong)).rejects.toMatchObject({ code: "DATABASE_REFUSED", exit: 1 });
  await expect(openState(wrong)).rejects.not.toThrow(/not-the-password/);
  await expect(openState("postgres://nobody@127.0.0.1:1/none")).rejects.toMatchObject({ code: "DATABASE_REFUSED" });
});

test("the state databases of two tests are apart", async () => {
  const [one, two] = await Promise.all([testState(), testState()]);
  await one.db.insertInto("lethe.job_state").values({ job: "x", last_due_at: null, last_ended_at: null }).execute();
  expect(await two.db.selectFrom("lethe.job_state").selectAll().execute()).toEqual([]);
  await one.dispose();
  await two.dispose();
});

test("a schema that a newer version has changed is refused, also when it knows all of ours", async () => {
  const { url, query } = await fresh();
  await closePool((await openState(url)).pool);
  await query("insert into lethe.migration values ('9999-of-tomorrow', '2099-01-01T00:00:00Z')");
  await expect(openState(url)).rejects.toMatchObject({ code: "DATABASE_FAILED" });
});

test("a schema that lacks a migration gets it", async () => {
  const { url, query } = await fresh();
  await query("create schema lethe");
  await query(
    `create table lethe.migration (name varchar(255) not null primary key, "timestamp" varchar(255) not null)`,
  );
  const { pool, db } = await openState(url);
  expect((await sql`select from lethe.request`.execute(db)).rows).toEqual([]);
  await closePool(pool);
});
