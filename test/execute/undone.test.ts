import { afterEach, expect, test } from "vitest";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

const people = (count: number) => Array.from({ length: count }, (_, n) => ({ email: `p${n + 1}@shop.example` }));

/** Each table has a trigger that undoes what the policy asks for, for one person's row. */
const tables = [
  ["notes", "for each row before delete", "return null"],
  ["letters", "for each row after delete", "insert into letters select old.*; return null"],
  ["cards", "for each row before update", "return null"],
  ["texts", "for each row before update", "new.body := old.body; return new"],
  ["words", "for each row before update", "new.body := old.body; return new"],
  ["days", "for each row before update", "new.day := old.day; return new"],
  ["names", "for each row before update", "new.body := old.body; return new"],
  ["towns", "for each row before update", "new.body := old.body; return new"],
  [
    "late",
    "for each row after update",
    "if new.body is null then update late set body = old.body where id = old.id; end if; return null",
  ],
  [
    "waiting",
    "deferred",
    "if new.body is null then update waiting set body = old.body where id = old.id; end if; return null",
  ],
] as const;

/** What a trigger may call now, and the type of the column. */
const moments = [
  ["date", "current_date"],
  ["date", "(now() at time zone 'Etc/GMT+12')::date"],
  ["timestamp", "now() at time zone 'America/New_York'"],
  ["timestamptz", "date_trunc('day', now())"],
  ["timestamptz", "clock_timestamp()"],
  ["timestamptz", "now() + interval '3 days'"],
  ["date", "current_date - 3"],
] as const;

test("where a date is made coarser a trigger may write now, as whatever day and time, and no other day", async () => {
  const triggers = moments.map(
    ([type, now], index) => `create table t${index} (id int primary key references customers, touched ${type});
      insert into t${index} values (${index}, '2026-03-04');
      create function touch${index}() returns trigger language plpgsql as $$ begin new.touched := ${now}; return new; end $$;
      create trigger touch before update on t${index} for each row execute function touch${index}()`,
  );
  night = await openNight({
    schema: `create table customers (id int primary key, email text);
      insert into customers select n, 'p' || n || '@shop.example' from generate_series(0, ${moments.length - 1}) n;
      ${triggers.join(";\n")}`,
    tables: `customers: { treatment: anonymise, columns: { email: { set: null } } }
${moments.map((_, index) => `t${index}: { treatment: anonymise, columns: { id: keep, touched: { truncate: year } } }`).join("\n")}`,
  });
  await night.ask(...moments.map((_, index) => ({ email: `p${index}@shop.example` })));
  await night.nightly();
  const done = { state: "completed" };
  expect(await night.requests()).toMatchObject([
    ...Array.from({ length: 5 }, () => done),
    { code: "RULE_UNDONE", detail: { table: "t5", column: "touched" } },
    { code: "RULE_UNDONE", detail: { table: "t6", column: "touched" } },
  ]);
});

test("what a trigger undoes is called neither erased nor anonymised: its subjects fail with the place, and stay whole", async () => {
  const triggers = tables.map(([table, fires, body], index) => {
    const trigger =
      fires === "deferred"
        ? `create constraint trigger undo after update on ${table} deferrable initially deferred for each row`
        : `create trigger undo ${fires.slice("for each row ".length)} on ${table} for each row`;
    return `create table ${table} (id int primary key, customer_id int not null references customers, body text, day date default '2026-03-04', touched_at timestamptz);
      insert into ${table} select id, id, 'call p' || id || '@shop.example' from customers;
      create function undo_${table}() returns trigger language plpgsql as $$ begin
        if old.id = ${index + 1} then ${body}; end if;
        if tg_op = 'DELETE' then return old; end if;
        if tg_table_name <> 'cards' then new.touched_at := clock_timestamp(); end if; return new; end $$;
      ${trigger} execute function undo_${table}()`;
  });
  const rule = (body: string) =>
    `{ treatment: anonymise, columns: { customer_id: keep, body: ${body}, day: { truncate: month }, touched_at: { now: always } } }`;
  night = await openNight({
    // The last person's card says it already, and is left out by a trigger that does nothing else.
    schema: `create table customers (id int primary key, email text);
      insert into customers select n, 'p' || n || '@shop.example' from generate_series(1, ${tables.length + 1}) n;
      ${triggers.join(";\n")};
      update cards set body = 'erased', day = '2026-03-01', touched_at = '2026-03-01Z' where id > 10;
      create trigger zz before update on cards for each row execute function suppress_redundant_updates_trigger()`,
    tables: `customers: { treatment: anonymise, columns: { email: { set: null } } }
notes: { treatment: erase }
letters: { treatment: erase }
cards: ${rule("{ set: erased }").replace("always", "if-null")}
texts: ${rule("{ set: erased }")}
words: ${rule("{ redact: identifiers }")}
days: ${rule("{ set: null }")}
names: ${rule("{ unique: 'erased-{random}' }")}
towns: ${rule("{ generalise: { map: { Kiel: north }, otherwise: elsewhere } }")}
late: ${rule("{ set: null }")}
waiting: ${rule("{ set: null }")}`,
  });
  await night.ask(...people(tables.length + 1));
  const dump = () =>
    Promise.all(
      tables.map(([table]) => night.store.query(`select id, body, day from ${table} where id <= 10 order by id`)),
    );
  const before = await dump();
  await night.nightly();
  const place = (table: string) => (table === "days" ? "day" : "body");
  expect(await night.requests()).toMatchObject([
    ...tables.map(([table]) => ({
      state: "failed",
      code: "RULE_UNDONE",
      detail: {
        store: "shop",
        table,
        rows: 1,
        hint: expect.stringContaining("trigger"),
        ...(["notes", "letters"].includes(table) ? {} : { column: place(table) }),
      },
    })),
    { state: "completed" },
  ]);
  expect(await dump()).toEqual(before);
  expect(await night.state.query("select from lethe.disposition where table_name = 'notes'")).toHaveLength(1);
});
