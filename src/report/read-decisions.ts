import { sql } from "kysely";
import { all, type Snapshot } from "#report/cursor.ts";
import type { ExceptionListItem } from "#report/decision-document.ts";
import { isListed } from "#report/read-requests.ts";
import type { Scope } from "#report/scope.ts";

/** The exceptions that the approvals of the listed requests made, each list once. */
export const readExceptionLists = (snapshot: Snapshot, scope: Scope): Promise<ExceptionListItem[]> =>
  all(
    snapshot,
    sql<ExceptionListItem>`
      select list.digest, named.requests, list.body::jsonb as exceptions
      from (select exceptions as digest, count(*) as requests from lethe.request
        where exceptions is not null and ${isListed(scope)} group by 1) as named
      join lethe.exception_list as list on list.digest = named.digest order by list.listed_at, list.digest`,
  );
