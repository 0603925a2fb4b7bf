import { afterEach, describe, expect, test } from "vitest";
import { holdSubject } from "#holds/subject.ts";
import { inProcess, openColumns, type ColumnsNight } from "#test/clickhouse/columns-night.ts";
import { noGate, webTables } from "#test/clickhouse/web.ts";

let night: ColumnsNight;
afterEach(() => night.dispose());

const rowsOf = async (table: string, where: string): Promise<number> => {
  const [row] = await night.columns<{ rows: number }>(`select count() as rows from web.${table} where ${where}`);
  return row?.rows ?? 0;
};

const event = (key: string, email: string, times = 3): string =>
  `insert into web.events select ${key}, '${email}', '2026-01-20 10:00:00', 'DE', 1 from numbers(${times})`;

describe.skipIf(!inProcess)("whose a row of ClickHouse is", () => {
  test.each([
    ["0, as an absent number reads", "0", "set: 0"],
    ["what the rule leaves", "4000000000", "set: 4000000000"],
  ])("is nobody's by a key of %s", async (_, nobody, rule) => {
    night = await openColumns({
      columns: noGate.replace("user_id: { set: null }", `user_id: { ${rule} }`),
      columnTables: webTables.map((statement) => statement.replace("Nullable(UInt32)", "UInt32")),
    });
    await night.run(
      `insert into web.events select ${nobody}, concat('guest', toString(number), '@web.example'), '2026-01-20 10:00:00', 'DE', 1 from numbers(50)`,
      `insert into web.pageviews select ${nobody}, '/anonymous' from numbers(30)`,
    );
    await night.ask({ email: "guest7@web.example" }, { email: "p1@shop.example" });
    await night.nightly();
    expect(await rowsOf("events", "email like 'guest%'")).toBe(50);
    expect(await rowsOf("pageviews", "url = '/anonymous'")).toBe(30);
    expect(await rowsOf("events", "user_id = 1")).toBe(0);
    expect(await night.states()).toEqual(["blocked SUBJECT_NOT_FOUND", "completed"]);
  });

  test("is told by a key as it is written: 007 and +7 are not 7", async () => {
    night = await openColumns({
      columns: noGate,
      schema:
        "create table customers (id text primary key, email text unique); insert into customers values ('007', 'x@shop.example'), ('7', 'p7@shop.example')",
    });
    await night.ask({ email: "x@shop.example" }, { key: "+7" });
    await night.nightly();
    expect(await rowsOf("events", "user_id = 7")).toBe(100);
    expect(await rowsOf("pageviews", "visitor = 7")).toBe(10);
  });

  test("waits for a hold, under whatever address they ask and wherever the person is known", async () => {
    night = await openColumns({ columns: noGate });
    await night.run(event("3", "old3@web.example"), event("77", "only@web.example"));
    const placing = { by: "counsel", matter: "AZ-7", reason: "litigation" } as const;
    await holdSubject(night.context, placing, { email: "p3@shop.example" });
    await holdSubject(night.context, placing, { email: "only@web.example" });
    await night.ask(...["old3@web", "only@web", "p1@shop"].map((name) => ({ email: `${name}.example` })));
    await night.nightly();
    expect(await rowsOf("events", "user_id = 3")).toBe(103);
    expect(await rowsOf("pageviews", "visitor = 3")).toBe(10);
    expect(await rowsOf("events", "user_id = 77")).toBe(3);
    expect(await night.states()).toEqual(["blocked SUBJECT_HELD", "blocked SUBJECT_HELD", "completed"]);
  });

  test("is the person's in linked tables, although the subject's table knows them no more", async () => {
    night = await openColumns({ columns: noGate });
    await night.run("alter table web.events delete where user_id = 1 settings mutations_sync = 2");
    await night.ask({ email: "p1@shop.example" });
    await night.nightly();
    expect(await rowsOf("pageviews", "visitor = 1")).toBe(0);
    expect(await night.states()).toEqual(["completed"]);
  });

  test("is told by all of many addresses, which are all searched for", async () => {
    night = await openColumns({
      columns: `${noGate}  later: { treatment: keep, reason: nothing about people }\n`,
      columnTables: [...webTables, "create table web.later (note String) engine = MergeTree order by note"],
    });
    await night.run(
      "insert into web.events select 1, concat('alias', toString(number), '@web.example'), '2026-01-20 10:00:00', 'DE', 1 from numbers(300)",
      "insert into web.later select concat('alias', toString(number), '@web.example') from numbers(300)",
    );
    await night.ask({ email: "p1@shop.example" });
    await night.nightly();
    const [request] = await night.requests();
    expect(request).toMatchObject({ state: "failed", code: "RESIDUAL", detail: { table: "later", rows: 300 } });
  });

  test("is not another's, whose address was once typed there", async () => {
    night = await openColumns({ columns: noGate });
    await night.run(event("1", "p3@shop.example", 1));
    await night.ask({ email: "p1@shop.example" });
    await night.nightly();
    expect(await rowsOf("events", "user_id = 3")).toBe(100);
    expect(await night.states()).toEqual(["completed"]);
  });

  test("is one person's who asks twice, by two addresses", async () => {
    night = await openColumns({ columns: noGate });
    await night.run(event("1", "second@web.example", 1));
    await night.ask({ email: "p1@shop.example" }, { email: "second@web.example" });
    await night.nightly();
    expect(await rowsOf("events", "user_id = 1")).toBe(0);
    expect(await night.states()).toEqual(["completed", "completed"]);
  });
});
