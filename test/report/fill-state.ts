import { Temporal } from "temporal-polyfill";
import type { State } from "#context.ts";
import { appendEntries } from "#ledger/append.ts";
import type { LedgerEvent } from "#records/entry.ts";

/** Personal data that lies in Lethe's own tables and must reach no report. */
/** Of one analysed table: what was measured of it besides k. */
const hidden = {
  unique: 1,
  sizes: [
    { from: 1, to: 1, classes: 1, rows: 1 },
    { from: 32, to: 63, classes: 89, rows: 3999 },
  ],
  sensitive: [{ column: "amount", ordered: true, values: 40, l: 3, entropyL: 2.2, t: 0.31 }],
  least: 2,
  most: null,
  known: 3900,
  attacks: [{ knows: "invoices", precision: "exact", rows: 100, nobody: 80, one: 0, few: 5, many: 15 }],
  nameless: null,
  stays: [],
  unmeasured: ["id"],
  notCompared: ["payments"],
  reasons: ["small-classes", "known-rows", "unmeasured-columns", "not-compared", "backups-unknown"],
};

export const canaries = [
  "julia.winter@mail.example",
  "subject-key-canary-4711",
  "plan-body-canary",
  "card-canary-0815",
  "purpose canary",
];

export const nightRun = "20261102T010000Z-7KQ2MX";
export const hostileTable = `=cmd|'/c calc'!A1`;

type Query = (text: string, values?: readonly unknown[]) => Promise<unknown>;

/** One ended night over `requests` requests, twelve to each state, with everything a report tells of. */
export const fillState = async (state: State, requests: number, run = nightRun): Promise<void> => {
  const query: Query = (text, values = []) => state.pool.raw.query(text, [...values]);
  await query(
    `insert into lethe.run (id, job, started_at, ledger_from) select $1, 'nightly', '2026-11-02T01:00:00Z',
       coalesce((select size from lethe.ledger_head), 0)`,
    [run],
  );
  await query(
    `insert into lethe.request (ref, state, received_on, due_on, due_basis, ground, created_at, changed_at, approved_at,
       code, code_since, detail, erased_at, backups_clear_on, run_id, reason)
     select 'R-' || to_char(n, 'FM000000') || '-' || upper(substr(md5(n::text), 1, 8)), state, '2026-10-03'::date + n % 20,
       '2026-11-03'::date + n % 20 - 5, 'GDPR Art. 12(3)', 'b', '2026-10-20T08:00:00Z', '2026-11-02T01:00:10Z',
       case when state <> 'received' then timestamptz '2026-10-21T08:00:00Z' end,
       case state when 'blocked' then 'CUSTOMER_HAS_ACTIVE_SUBSCRIPTIONS' when 'failed' then 'RESIDUAL' end,
       '2026-11-02T01:00:10Z', case state when 'blocked' then '{"store": "shop", "table": "subscriptions", "rows": 1}'::jsonb end,
       case when state in ('erased', 'completed') then timestamptz '2026-11-02T01:00:30Z' end,
       case when state in ('erased', 'completed') then date '2026-12-02' end, $2, case state when 'refused' then 'excessive' end
     from (select n, (array['received','verified','approved','scheduled','erased','archived','completed','blocked','held',
         'failed','refused','withdrawn'])[1 + n % 12] as state from generate_series(0, $1::int - 1) as n) as made`,
    [requests, run],
  );
  await query(`insert into lethe.request_identifier select id, 'email', $1 from lethe.request`, [canaries[0]]);
  await query(`insert into lethe.subject select id, 'shop', $1, 'executed', null from lethe.request`, [canaries[1]]);
  await query(`insert into lethe.plan values ('p1', 's1', 'shop', $1, '2026-11-02T01:00:05Z', $2)`, [run, canaries[2]]);
  await query(
    `insert into lethe.disposition (request_id, store, table_name, treatment, rows, spared, basis, until_first, until_last, run_id, exception)
     select request.id, 'shop', rule.t, rule.how, rule.rows, rule.spared, rule.basis,
       rule.until + (request.id % 3)::int * 365, rule.until + 365, $1, case rule.how when 'retain' then 'b' end
     from lethe.request, (values ('addresses', 'erase', 2, 1, null, null), ('invoices', 'retain', 3, 0, 'HGB §257', date '2031-01-01'),
       ('events', 'anonymise', 20, 0, null, null), ($2, 'erase', 1, 0, '@SUM(1)', null)) as rule (t, how, rows, spared, basis, until)
     where state in ('erased', 'archived', 'completed')`,
    [run, hostileTable],
  );
  await query(
    `insert into lethe.conserved (run_id, batch_id, store, table_name, measure, period, before, after, equal, people, threshold) select $1, '6f2b0c1e-0000-4000-8000-000000000001', 'shop', 'events', measure, period::date,
       events * factor, events * factor, true, events, 5
     from (values ('2026-01-01', 40), ('2026-02-01', 2), ('2026-03-01', 55), ('2026-04-01', 60)) as per (period, events),
       (values ('count', 1), ('sum(amount)', 2.5)) as each (measure, factor)`,
    [run],
  );
  await query(
    `insert into lethe.anonymity values ($1, 'shop', 'events', '["country", "plan"]', 5, 4, 90, 4000, 4, '2026-11-02T01:00:40Z', $2)`,
    [run, JSON.stringify(hidden)],
  );
  await query(
    `insert into lethe.residual select $1, id, 'shop', 'tickets', 'note', 2 from lethe.request where state = 'failed' limit 1`,
    [run],
  );
  await query(
    `insert into lethe.backup_set select 'dumps', 'shop-' || n || '.dump', repeat('ab', 32), 1000 + n,
       timestamptz '2026-11-02T00:30:00Z' - n * interval '1 day', '2026-10-01T00:00:00Z', '2026-10-01T00:00:00Z',
       case when n > 30 then timestamptz '2026-11-02T01:00:50Z' end, case when n > 30 then 'purged' else 'listed' end, $1
     from generate_series(1, 33) as n`,
    [run],
  );
  await fillOutcomes(state, run);
  await finishRun(state, run);
};

const preserved = "the account can be reactivated";

/** What became of the persons: entries as the night writes them, remedies, figures over two batches, tasks with a reference. */
const fillOutcomes = async ({ pool, db }: State, run: string): Promise<void> => {
  const { rows } = await pool.raw.query<{ ref: string; state: string }>(
    "select ref, state from lethe.request where state in ('erased', 'archived', 'completed') order by id",
  );
  const stay = { store: "shop", table: "customers", rows: 1, why: preserved, until: null };
  const voucher = { store: "shop", table: "invoices", rows: 3, why: "HGB §257", until: "2031-01-01" };
  const events = rows.map(({ ref, state }): LedgerEvent => {
    const done = { dispositions: [], remedied: [] };
    if (state !== "archived") {
      const stays = state === "erased" ? [{ ...voucher, column: "billing_name" }] : [];
      const outcome = state === "erased" ? "retained" : "erased";
      return { kind: "request.erased", request: ref, clear: "2026-12-02", ...done, outcomes: { shop: outcome }, stays };
    }
    const stays = [
      { ...stay, column: "email" },
      { ...stay, column: "name" },
    ];
    return { kind: "request.archived", request: ref, ...done, outcomes: { shop: "archived_with_pii" }, stays };
  });
  const at = Temporal.Instant.from("2026-11-02T01:00:45Z");
  await db.transaction().execute((transaction) => appendEntries(transaction, events, { at, run }));
  await pool.raw.query(
    `insert into lethe.remedy select id, 'shop', 'GIFT_GIVER', 'gifts', 'unlink', n, $1, gen_random_uuid()
     from lethe.request, generate_series(1, 2) as n where state = 'archived'`,
    [run],
  );
  const batches = ["6f2b0c1e-0000-4000-8000-000000000001", "6f2b0c1e-0000-4000-8000-000000000002"];
  for (const [index, batch] of batches.entries()) {
    // Somebody sells something for 7.25 between the two batches.
    await pool.raw.query(
      `insert into lethe.figure (run_id, batch_id, store, figure, before, after, position) values
         ($1, $2, 'shop', 'Payments', 100.50 - 7.75 * $3::int, 85.50 - 7.75 * $3::int, 0), ($1, $2, 'shop', 'Active accounts', 12, 12, 1)`,
      [run, batch, index],
    );
  }
  await pool.raw.query(
    `insert into lethe.task (request_id, store, recipient, task, reference, state, recorded_at, run_id)
     select id, 'shop', 'Gateway', 'delete_payment_method', case when state = 'completed' then null else $2 end,
       case state when 'completed' then 'done' else 'open' end, '2026-11-02T01:00:20Z', $1
     from lethe.request where state in ('erased', 'completed')`,
    [run, canaries[3]],
  );
  await pool.raw.query("update lethe.request set purpose = case when id % 2 = 0 then 'delete-user' else $1 end", [
    canaries[4],
  ]);
};

/** The entries that a run leaves, and its end. */
export const finishRun = async (state: State, run: string, at = "2026-11-02T01:01:00.000Z"): Promise<void> => {
  const events: LedgerEvent[] = [
    { kind: "run.started", job: "nightly", tool: "lethe 0.1.0", policies: { shop: "d1".repeat(32) } },
    {
      kind: "backup.exception",
      repository: "dumps",
      name: "shop-31.dump",
      code: "BACKUP_LAST_GOOD",
      breach: "2026-11-01",
    },
    {
      kind: "run.finished",
      outcome: "attention",
      requests: { received: 0, done: 0, refused: 0, withdrawn: 0, pending: 0, failed: 0, blocked: 0, overdue: 0 },
    },
  ];
  await state.db
    .transaction()
    .execute((transaction) => appendEntries(transaction, events, { at: Temporal.Instant.from(at), run }));
  await state.db.updateTable("lethe.run").set({ ended_at: at, outcome: "attention" }).where("id", "=", run).execute();
};
