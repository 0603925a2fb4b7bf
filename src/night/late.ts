import { sql } from "kysely";
import type { Context } from "#context.ts";
import type { TooFew } from "#execute/too-few.ts";
import { dayIn } from "#lib/clock.ts";
import { gather, takeGathered, type Erase, type Gathered } from "#night/company.ts";
import type { Work } from "#night/erasure.ts";
import { lateStage } from "#plan/late.ts";
import type { Late, LateTreatment } from "#records/anonymity.ts";
import type { Shape } from "#records/plan.ts";
import { analysisOf } from "#scope/sql.ts";

/** What is done with somebody's rows, table by table. */
type Measures = Map<string, LateTreatment>;

/**
 * Erases those whom nobody has joined by the last night before their request is due (requirement D6), as the policy says for the tables in whose
 * rows they would be recognised, and only there; together where they can. The rows of `suppress` are measured like all others, and where even
 * they are too few, they go. Who meets a table where the policy says `wait` waits on.
 */
export const eraseLate = async (work: Work, erase: Erase): Promise<void> => {
  const { ctx, session, shape } = work;
  for (;;) {
    const claims = ctx.signal.aborted ? [] : await takeGathered(ctx, session.store, isLate(ctx));
    if (claims.length === 0) return;
    const measures = new Map(claims.map(({ request }) => [request, new Map() as Measures]));
    let left: readonly Gathered[] = claims.filter(({ request, table }) => further(shape, measures.get(request), table));
    while (left.length > 0) {
      const again = new Set<number>();
      const tooFew = async (found: readonly TooFew[]): Promise<void> => {
        const waiting = found.filter(({ request, table }) => !further(shape, measures.get(request), table));
        await gather(work, waiting, looked);
        for (const { request } of found) if (!waiting.some((each) => each.request === request)) again.add(request);
      };
      for (const [how, some] of Map.groupBy(left, ({ request }) => described(measures.get(request)))) {
        const tables = new Map(JSON.parse(how) as [string, LateTreatment][]);
        await erase({ ...work, shape: lateStage(shape, tables), tooFew }, some);
      }
      left = left.filter(({ request }) => again.has(request));
    }
  }
};

/** The round of those for whom the policy has nothing further: they are not looked at again tonight. */
const looked = -1;

/** Of those gathered. What repeats an erasure after a restore is due on the day of the restore. */
const isLate = ({ clock, config }: Context) => {
  const tomorrow = dayIn(clock.now(), config.controller.timeZone).add({ days: 1 }).toString();
  return sql`round <> ${looked} and detail #>> '{wait,then}' <> 'wait' and exists (select from lethe.request r where r.id = request_id and r.due_on <= ${tomorrow}::date)`;
};

/** Goes one step further with a table's rows; false where the policy has no further one. */
const further = (shape: Shape, measures: Measures | undefined, table: string): boolean => {
  const next = nextOf(analysisOf(shape, table)?.late ?? "wait", measures?.get(table));
  if (next === undefined) return false;
  measures?.set(table, next);
  return true;
};

const nextOf = (late: Late, done: LateTreatment | undefined): LateTreatment | undefined => {
  if (late === "wait" || done === "erase") return undefined;
  return done === undefined ? late : "erase";
};

const described = (measures: Measures = new Map()): string =>
  JSON.stringify([...measures].toSorted(([one], [another]) => (one < another ? -1 : 1)));
