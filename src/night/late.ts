import { sql } from "kysely";
import type { Context } from "#context.ts";
import type { TooFew } from "#execute/too-few.ts";
import { dayIn } from "#lib/clock.ts";
import { lastDayOf } from "#lib/nights.ts";
import { gather, takeGathered, type Erase } from "#night/company.ts";
import type { Work } from "#night/erasure.ts";
import { lateStage } from "#plan/late.ts";
import type { Late, LateTreatment } from "#records/anonymity.ts";
import type { Shape } from "#records/plan.ts";
import type { ScopeSubject } from "#scope/derive.ts";
import { analysisOf } from "#scope/sql.ts";

/** What is done with somebody's rows, table by table. */
type Measures = Map<string, LateTreatment>;

/**
 * Erases those whom nobody has joined by the last night before their request is due (requirement D6), as the policy says for the tables in whose
 * rows they would be recognised, and only there; together where they can. The rows of `suppress` are measured like all others, and where even
 * they are too few, they go. Who meets a table where the policy says `wait` waits on.
 */
export const eraseLate = async (work: Work, erase: Erase): Promise<void> => {
  const { ctx, session } = work;
  for (;;) {
    const claims = ctx.signal.aborted ? [] : await takeGathered(ctx, session.store, isLate(ctx));
    if (claims.length === 0) return;
    await escalate(work, claims, { erase, wait: (found) => gather(work, found, looked) });
  }
};

/** With the table in whose rows they would be recognised. */
type Recognised = { readonly request: number; readonly table: string };

type Escalation<Subject> = {
  readonly erase: (work: Work, some: readonly Subject[]) => Promise<unknown>;
  /** Of those for whom the policy has nothing further. */
  readonly wait: (found: readonly TooFew[]) => Promise<void>;
};

/** Goes as far with the rows of each as the policy says that it may, table by table. */
const escalate = async <Subject extends Recognised>(
  work: Work,
  subjects: readonly Subject[],
  { erase, wait }: Escalation<Subject>,
): Promise<void> => {
  const { shape } = work;
  const measures = new Map(subjects.map(({ request }) => [request, new Map() as Measures]));
  let left = subjects.filter(({ request, table }) => further(shape, measures.get(request), table));
  while (left.length > 0) {
    const again = new Set<number>();
    const tooFew = async (found: readonly TooFew[]): Promise<void> => {
      const waiting = found.filter(({ request, table }) => !further(shape, measures.get(request), table));
      await wait(waiting);
      for (const { request } of found) if (!waiting.some((each) => each.request === request)) again.add(request);
    };
    for (const [how, some] of Map.groupBy(left, ({ request }) => described(measures.get(request)))) {
      const tables = new Map(JSON.parse(how) as [string, LateTreatment][]);
      await erase({ ...work, shape: lateStage(shape, tables), tooFew }, some);
    }
    left = left.filter(({ request }) => again.has(request));
  }
};

/**
 * The same for subjects of whom only a part may go, since a legal hold needs the rest. Who is not late, or meets a table where the policy says `wait`,
 * waits for both. Returns what they wait for beside the hold.
 */
export const erasePartLate = async (
  work: Work,
  subjects: readonly ScopeSubject[],
  tooFew: readonly TooFew[],
  erase: (work: Work, some: readonly ScopeSubject[]) => Promise<unknown>,
): Promise<readonly TooFew[]> => {
  const { ctx } = work;
  const waiting = new Map(tooFew.map((each) => [each.request, each]));
  const { rows } = await sql<{ id: number }>`select id from lethe.request
    where id = any (${[...waiting.keys()]}::bigint[]) and due_on <= ${lastDay(ctx)}::date`.execute(ctx.state.db);
  const late = new Set(rows.map(({ id }) => id));
  const theirs = subjects.flatMap((subject) => {
    const found = waiting.get(subject.request);
    return found === undefined || found.detail.wait?.then === "wait" || !late.has(subject.request)
      ? []
      : [{ ...subject, table: found.table }];
  });
  for (const { request } of theirs) waiting.delete(request);
  const wait = (found: readonly TooFew[]): Promise<void> => {
    for (const each of found) waiting.set(each.request, each);
    return Promise.resolve();
  };
  await escalate(work, theirs, { erase, wait });
  return [...waiting.values()];
};

/** The round of those for whom the policy has nothing further: they are not looked at again tonight. */
const looked = -1;

/** Of those gathered. What repeats an erasure after a restore is due on the day of the restore. */
const isLate = (ctx: Context) =>
  sql`round <> ${looked} and detail #>> '{wait,then}' <> 'wait' and exists (select from lethe.request r where r.id = request_id and r.due_on <= ${lastDay(ctx)}::date)`;

/** Whoever is due by then has no night to wait for. */
const lastDay = ({ clock, config }: Context): string =>
  lastDayOf(dayIn(clock.now(), config.controller.timeZone), config);

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
