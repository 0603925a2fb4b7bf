import { sql, type Kysely } from "kysely";
import type { StateDb } from "#db/state-schema.ts";
import { outcomeOf, requestStates, type Identifier, type IdentifierKind, type RequestState } from "#records/request.ts";

/** Requests that still have work ahead: a person who asks again joins theirs. */
export const openStates: readonly RequestState[] = requestStates.filter((state) =>
  ["pending", "failed"].includes(outcomeOf(state)),
);

export type OpenRequest = {
  readonly id: number;
  readonly ref: string;
  readonly state: RequestState;
  readonly purpose: string;
  /** The identifier by which it was found. */
  readonly kind: IdentifierKind;
  readonly value: string;
};

/**
 * Open requests that name any of the identifiers, oldest first, locked so that no night moves them meanwhile.
 *
 * Identifiers have no planner statistics on purpose, so PostgreSQL guesses badly how many share a value. `lateral … offset
 * 0` keeps it to one index look-up each; a join over the whole register would make large imports quadratic.
 */
export const openRequestsNaming = async (
  db: Kysely<StateDb>,
  identifiers: readonly Identifier[],
): Promise<OpenRequest[]> => {
  if (identifiers.length === 0) return [];
  const { rows: named } = await sql<Named>`
    select distinct found.request_id as id, named.kind, named.value
    from unnest(${identifiers.map(({ kind }) => kind)}::text[], ${identifiers.map(({ value }) => value)}::text[])
        as named (kind, value)
      cross join lateral (select request_id from lethe.request_identifier as identifier
        where identifier.kind = named.kind and identifier.value = named.value offset 0) as found`.execute(db);
  if (named.length === 0) return [];
  const { rows: requests } = await sql<Pick<OpenRequest, "id" | "ref" | "state" | "purpose">>`
    select id, ref, state, purpose from lethe.request
    where id = any(${[...new Set(named.map(({ id }) => id))]}::bigint[]) and state = any(${openStates}::text[])
    order by id for update`.execute(db);
  const byId = Map.groupBy(named, ({ id }) => id);
  return requests.flatMap((request) =>
    (byId.get(request.id) ?? []).map(({ kind, value }) => ({ ...request, kind, value })),
  );
};

type Named = Pick<OpenRequest, "id" | "kind" | "value">;
