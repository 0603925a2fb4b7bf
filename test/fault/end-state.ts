import { readdir } from "node:fs/promises";
import { connected, type Query, type Scene } from "#test/fault/scene.ts";
import { ledgerLines } from "#test/fault/ledger-lines.ts";
import { requestNames, withNames } from "#test/fault/request-names.ts";

/** What there is at the end of a night: by table, file or kind of entry, one line each, sorted. */
export type EndState = ReadonlyMap<string, readonly string[]>;

/**
 * The end state, table by table and entry by entry. Only what cannot be the same twice is made equal: random e-mail
 * addresses, random references (a request is called by its file and row instead), times, identifiers of runs and batches, and
 * identity columns, whose sequences do not roll back.
 */
export const readEndState = async ({ urls, backups }: Scene): Promise<EndState> => {
  const state = new Map<string, readonly string[]>();
  const names = await connected(urls.state, async (query) => {
    const found = await requestNames(query);
    for (const [table, text] of Object.entries(stateQueries))
      state.set(`lethe.${table}`, await linesOf(query, text, found));
    for (const [kind, lines] of await ledgerLines(query, found)) state.set(`ledger ${kind}`, lines);
    return found;
  });
  for (const store of ["shop", "crm"] as const) {
    await connected(urls[store], async (query) => {
      for (const [table, lines] of await storeLines(query)) state.set(`${store}.${table}`, lines);
      for (const [table, text] of Object.entries(journalQueries))
        state.set(`${store} journal ${table}`, await linesOf(query, text, names));
    });
  }
  state.set("backup files", (await readdir(backups)).toSorted());
  return state;
};

/** What is different, line by line, for people: nothing when nothing is. */
export const differences = (reference: EndState, actual: EndState): string[] => {
  const places = [...new Set([...reference.keys(), ...actual.keys()])].toSorted();
  const all = places.flatMap((place) => {
    const [wanted, found] = [reference.get(place) ?? [], actual.get(place) ?? []];
    return [
      ...without(wanted, found).map((line) => `${place}: missing ${line}`),
      ...without(found, wanted).map((line) => `${place}: unexpected ${line}`),
    ];
  });
  return all.length > 60 ? [...all.slice(0, 60), `and ${all.length - 60} more`] : all;
};

/** Multisets: a line that is there twice and should be there once is left over. */
const without = (lines: readonly string[], others: readonly string[]): string[] => {
  const left = new Map<string, number>();
  for (const line of others) left.set(line, (left.get(line) ?? 0) + 1);
  return lines.filter((line) => {
    const count = left.get(line) ?? 0;
    left.set(line, count - 1);
    return count <= 0;
  });
};

const linesOf = async (query: Query, text: string, names: ReadonlyMap<string, string>): Promise<string[]> => {
  const rows = await query<{ line: string }>(`select row_to_json(t)::text as line from (${text}) t`);
  return rows.map(({ line }) => withNames(line, names)).toSorted();
};

const storeLines = async (query: Query): Promise<Map<string, string[]>> => {
  const relations = await query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'm') order by 1`,
  );
  const lines = new Map<string, string[]>();
  for (const { name } of relations) {
    const rows = await query<{ line: string }>(
      `select (to_jsonb(t) - ${name === "customer_audit" ? "'id'" : "''"})::text as line from "${name}" t`,
    );
    const plain = rows.map(({ line }) => line.replaceAll(/erased-[0-9a-f]{20}/g, "erased-*"));
    lines.set(name, plain.toSorted());
  }
  return lines;
};

/**
 * Which batch a request was in may differ: after a crash the requests that are left are counted off anew, and the blocked one is
 * counted with others. What became of each request may not.
 */
const journalQueries: Readonly<Record<string, string>> = {
  request: "select ref from lethe.journal_request",
  step: `select table_name, treatment, sum(rows) as rows, min(clock_first) as first, max(clock_last) as last
    from lethe.journal_step group by 1, 2`,
  spared: "select table_name, sum(rows) as rows from lethe.journal_spared group by 1",
  remedy: "select code, table_name, action, sum(rows) as rows from lethe.journal_remedy group by 1, 2, 3",
  stay: "select table_name, column_name, sum(rows) as rows from lethe.journal_stay group by 1, 2",
  figure: "select figure, sum(after - before) as change from lethe.journal_figure group by 1",
  // Nothing of these two: they are in Lethe's own database, and forgotten here.
  task: "select recipient, task, reference from lethe.journal_task",
  total: "select table_name, measure, period from lethe.journal_total",
};

/** Lethe's own tables without times, runs and batches. */
const stateQueries: Readonly<Record<string, string>> = {
  request: `select ref, state, held_from, received_on, due_on, due_basis, ground, exceptions, approved_by, reason, refusal_exception, refusal_citation, refusal_late, code, detail, repeats,
      approved_shape, approved_at is not null as approved, erased_at is not null as erased,
      completed_at is not null as completed, backups_clear_on from lethe.request`,
  request_identifier: `select ref, kind, value from lethe.request_identifier i join lethe.request r on r.id = i.request_id`,
  subject: `select ref, store, key, s.state, batch_id is not null as batched
    from lethe.subject s join lethe.request r on r.id = s.request_id`,
  subject_identifier: `select ref, store, kind, value
    from lethe.subject_identifier i join lethe.request r on r.id = i.request_id`,
  export: `select ref, store, x.rows, recipients from lethe.export x join lethe.request r on r.id = x.request_id`,
  exception_list: "select digest, body from lethe.exception_list",
  disposition: `select ref, store, table_name, treatment, rows, spared, basis, until_first, until_last, exception
    from lethe.disposition d join lethe.request r on r.id = d.request_id`,
  remedy: `select ref, store, x.code, table_name, action, rows from lethe.remedy x join lethe.request r on r.id = x.request_id`,
  stay: `select ref, store, table_name, column_name, rows, why, until from lethe.stay s join lethe.request r on r.id = s.request_id`,
  outcome: `select ref, store, outcome from lethe.outcome o join lethe.request r on r.id = o.request_id`,
  figure: `select store, figure, sum(after - before) as change, min(position) as position from lethe.figure group by 1, 2`,
  task: `select ref, store, recipient, task, reference, t.state from lethe.task t join lethe.request r on r.id = t.request_id`,
  conserved: "select store, table_name, measure, period from lethe.conserved",
  // Of how many people a total is, and so whether it is told, depends on the run in which they were done.
  conserved_told: `select store, table_name, measure, period, bool_and(equal) as equal from lethe.conserved_told group by 1, 2, 3, 4`,
  // Every run that verifies measures: the last measurement counts.
  anonymity: `select distinct on (store, table_name) store, table_name, quasi, threshold, k, classes, rows, below
    from lethe.anonymity order by store, table_name, measured_at desc`,
  residual: `select ref, store, table_name, column_name, rows
    from lethe.residual x join lethe.request r on r.id = x.request_id`,
  suppression: `select encode(mac, 'hex') as mac, key_id, store, expires_on from lethe.suppression`,
  backup_set: `select repository, name, sha256, bytes, taken_at, modified_at, purged_at is not null as gone, state
    from lethe.backup_set`,
  import_row: `select row_number, outcome, ref, i.code from lethe.import_row i join lethe.request r on r.id = i.request_id`,
  import_file: `select digest, finished_at is not null as finished from lethe.import_file`,
};
