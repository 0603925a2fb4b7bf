import { sql, type Kysely } from "kysely";
import type { StateDb } from "#db/state-schema.ts";
import type { RequestView } from "#intake/show.ts";
import type { RequestDetail, RequestState } from "#records/request.ts";

type Row = { readonly id: number; readonly state: RequestState; readonly detail: RequestDetail | null };

/** What was declared of a request in each store; of one that waits or failed, that. */
export const outcomesOf = async (db: Kysely<StateDb>, { id, state, detail }: Row): Promise<RequestView["outcomes"]> => {
  switch (state) {
    case "scheduled":
    case "blocked":
    case "failed":
      return [{ store: detail?.store ?? null, outcome: state }];
    default:
      return db
        .selectFrom("lethe.outcome")
        .select(["store", "outcome"])
        .where("request_id", "=", id)
        .orderBy("store")
        .execute();
  }
};

/** What stays of the person's data, what was done about rows of others, and what recipients have to do. */
export const effectsOf = async (
  db: Kysely<StateDb>,
  id: number,
): Promise<Pick<RequestView, "stays" | "remedied" | "tasks">> => {
  const stays = await db
    .selectFrom("lethe.stay")
    .select(["store", "table_name as table", "column_name as column", "rows", "why", "until"])
    .where("request_id", "=", id)
    .orderBy("store")
    .orderBy("table_name")
    .orderBy("column_name")
    .execute();
  const remedied = await sql<RequestView["remedied"][number]>`
    select store, code, table_name as table, action, sum(rows)::bigint as rows from lethe.remedy where request_id = ${id}
    group by 1, 2, 3, 4 order by 1, 2, 3, 4`.execute(db);
  const tasks = await db
    .selectFrom("lethe.task")
    .select(["id", "store", "recipient", "task", "state", "recorded_at as recorded", "settled_at as settled"])
    .where("request_id", "=", id)
    .orderBy("id")
    .execute();
  return { stays, remedied: remedied.rows, tasks };
};
