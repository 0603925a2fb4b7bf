import { sql } from "kysely";

/**
 * The stores in which the person of a `request` was: where rows are on record for it; where its subject is known; and, once it is erased, where it has
 * an outcome, since of two requests for one person rows are on record for the first only.
 */
export const touchedStores = sql`select store from lethe.disposition where request_id = request.id
  union select store from lethe.subject where request_id = request.id
  union select store from lethe.outcome where request_id = request.id`;
