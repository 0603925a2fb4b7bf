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
  /** The identifier by which it was found. */
  readonly kind: IdentifierKind;
  readonly value: string;
};

/** Open requests that name any of the identifiers, oldest first, locked so that no night moves them meanwhile. */
export const openRequestsNaming = async (
  db: Kysely<StateDb>,
  identifiers: readonly Identifier[],
): Promise<OpenRequest[]> => {
  if (identifiers.length === 0) return [];
  const { rows } = await sql<OpenRequest>`
    select request.id, request.ref, request.state, identifier.kind, identifier.value
    from lethe.request_identifier as identifier join lethe.request as request on request.id = identifier.request_id
    where (identifier.kind, identifier.value) in (
        select * from unnest(${identifiers.map(({ kind }) => kind)}::text[], ${identifiers.map(({ value }) => value)}::text[]))
      and request.state = any(${openStates}::text[])
    order by request.id for update of request`.execute(db);
  return rows;
};
