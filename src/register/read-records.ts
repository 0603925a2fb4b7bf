import { sql } from "kysely";
import { exportFile } from "#records/export.ts";
import { stream } from "#report/cursor.ts";
import { received } from "#register/period.ts";
import type { Reading } from "#register/read-requests.ts";
import type { CopyRow, DispositionRow, StayRow, TaskRow } from "#register/register-source.ts";

type Parts = Pick<Reading, "snapshot" | "period">;

/** What became of the records of each request, table by table. */
export const readDispositions = ({ snapshot, period }: Parts): AsyncGenerator<DispositionRow> =>
  stream(
    snapshot,
    sql<DispositionRow>`
      select request.ref, store, table_name as table, treatment, rows, spared, basis, until_first as first, until_last as last,
        exception, restricted, undated, ended_on as "endedOn", ended_as as "endedAs", disposition.run_id as run
      from lethe.disposition join lethe.request on request.id = disposition.request_id where ${received(period)}
      order by request.received_on, request.ref, store, table_name`,
  );

/** The personal data of each request's person that stays on purpose, column by column. */
export const readStays = ({ snapshot, period }: Parts): AsyncGenerator<StayRow> =>
  stream(
    snapshot,
    sql<StayRow>`
      select request.ref, stay.store, outcome.outcome, table_name as table, column_name as column, rows, why, until
      from lethe.stay join lethe.request on request.id = stay.request_id
        left join lethe.outcome on outcome.request_id = stay.request_id and outcome.store = stay.store
      where ${received(period)} order by request.received_on, request.ref, stay.store, table_name, column_name`,
  );

/** What recipients have to do and whether somebody has said that it is done. `reference` is not read: it leads to the person. */
export const readTasks = ({ snapshot, period }: Parts): AsyncGenerator<TaskRow> =>
  stream(
    snapshot,
    sql<TaskRow>`
      select task.id as task, request.ref, store, recipient, task.task as what, task.state, recorded_at as recorded,
        settled_at as settled
      from lethe.task join lethe.request on request.id = task.request_id where ${received(period)} order by task.id`,
  );

/** The encrypted copies that were finished before anything changed. */
export async function* readCopies({ snapshot, period }: Parts): AsyncGenerator<CopyRow> {
  const query = sql<Omit<CopyRow, "file">>`
    select request.ref, store, sha256, bytes, rows, cardinality(recipients) as keys, exported_at as at
    from lethe.export join lethe.request on request.id = export.request_id where ${received(period)}
    order by exported_at, request.ref, store`;
  for await (const row of stream(snapshot, query)) yield { ...row, file: exportFile(row.ref, row.store) };
}
