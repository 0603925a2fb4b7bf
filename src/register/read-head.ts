import { sql } from "kysely";
import { everyStore, type Context } from "#context.ts";
import { statesOf } from "#intake/counts.ts";
import { todayOf } from "#intake/requests.ts";
import { toolVersion } from "#lib/version.ts";
import { outcomeOf, requestStates, type RequestCounts, type RequestState } from "#records/request.ts";
import { taskStates } from "#records/task.ts";
import { all, type Snapshot } from "#report/cursor.ts";
import { received } from "#register/period.ts";
import { readDecisionCounts, readEntered, readLedger, readPolicies } from "#register/read-ledger.ts";
import { inTime, late, type Reading } from "#register/read-requests.ts";
import type { Deadlines, Period, RegisterHead } from "#register/register-source.ts";

/** How many of the longest overdue, and of the next days, the summary has room for; all of them stand in their sheets. */
const shown = 8;

/** What the summary says, and what the rows are checked against: counted by other queries than those that read the rows. */
export const readHead = async (
  reading: Reading & { readonly ctx: Pick<Context, "stores" | "columnStores"> },
): Promise<RegisterHead> => {
  const { ctx, snapshot, period } = reading;
  const { name, country, dpo, timeZone } = ctx.config.controller;
  const today = todayOf(ctx).toString();
  const entered = await readEntered(snapshot, period);
  const states = await readStates(snapshot, period);
  const deadlines = await readDeadlines(reading, today);
  return {
    readAt: ctx.clock.now().toString({ smallestUnit: "millisecond" }),
    today,
    tool: `lethe ${toolVersion()}`,
    controller: { name, country, dpo, timeZone },
    period,
    counts: countsOf(states, deadlines.overdue),
    entered,
    states,
    deadlines,
    nextDue: await readNextDue(reading, today),
    overdue: await readLongest(reading, today),
    answered: await readAnswered(snapshot, period, timeZone),
    records: await readTotals(snapshot, period),
    decisions: await readDecisionCounts(snapshot, period),
    refusals: await readRefusals(snapshot, period),
    tasks: await readTaskCounts(snapshot, period),
    policies: await readPolicies(everyStore(ctx), snapshot),
    ledger: await readLedger(snapshot),
  };
};

const readStates = async (snapshot: Snapshot, period: Period): Promise<RegisterHead["states"]> => {
  const rows = await all(
    snapshot,
    sql<{ state: RequestState; n: number }>`
      select state, count(*) as n from lethe.request where ${received(period)} group by state`,
  );
  const counted = requestStates.map((state) => [state, rows.find((row) => row.state === state)?.n ?? 0]);
  return Object.fromEntries(counted) as RegisterHead["states"];
};

const countsOf = (states: RegisterHead["states"], overdue: number): RequestCounts => {
  const counts = { received: 0, done: 0, refused: 0, withdrawn: 0, pending: 0, failed: 0, blocked: states.blocked };
  for (const state of requestStates) {
    counts.received += states[state];
    counts[outcomeOf(state)] += states[state];
  }
  return { ...counts, overdue };
};

const readDeadlines = async ({ snapshot, period }: Reading, today: string): Promise<Deadlines> => {
  const pending = sql`state = any(${statesOf("pending")}::text[])`;
  const [row] = await all(
    snapshot,
    sql<Deadlines>`
      select count(*) filter (where ${pending} and days < 0) as overdue,
        count(*) filter (where ${pending} and days between 0 and 7) as within7,
        count(*) filter (where ${pending} and days between 8 and 14) as within14,
        count(*) filter (where ${pending} and days between 15 and 30) as within30,
        count(*) filter (where ${pending} and days > 30) as later,
        count(*) filter (where state = 'failed' and days < 0) as "failedLate",
        count(*) filter (where (${pending} or state = 'failed') and confirmed_on is null and confirm_on < ${today}::date) as "notConfirmed"
      from (select state, due_on - ${today}::date as days, confirm_on, confirmed_on from lethe.request
        where ${received(period)}) as request`,
  );
  return row ?? none(["overdue", "within7", "within14", "within30", "later", "failedLate", "notConfirmed"]);
};

const none = <Name extends string>(names: readonly Name[]): Record<Name, number> =>
  Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;

const readNextDue = ({ snapshot, period }: Reading, today: string): Promise<RegisterHead["nextDue"][number][]> =>
  all(
    snapshot,
    sql<RegisterHead["nextDue"][number]>`
      select due_on as due, count(*) as requests, due_on - ${today}::date as "daysLeft" from lethe.request
      where ${received(period)} and state = any(${statesOf("pending")}::text[]) and due_on >= ${today}::date
      group by due_on order by due_on limit ${shown}`,
  );

const readLongest = ({ snapshot, period }: Reading, today: string): Promise<RegisterHead["overdue"][number][]> =>
  all(
    snapshot,
    sql<RegisterHead["overdue"][number]>`
      select ref, state, ${today}::date - due_on as "daysLate" from lethe.request
      where ${received(period)} and ${late(today)} order by state = 'failed', due_on, ref limit ${shown}`,
  );

const readAnswered = async (
  snapshot: Snapshot,
  period: Period,
  timeZone: string,
): Promise<RegisterHead["answered"]> => {
  const [row] = await all(
    snapshot,
    sql<RegisterHead["answered"]>`
      select count(*) filter (where answered) as "inTime", count(*) filter (where not answered) as late
      from (select ${inTime(timeZone)} as answered from lethe.request where ${received(period)}) as each`,
  );
  return row ?? { inTime: 0, late: 0 };
};

const readTotals = async (snapshot: Snapshot, period: Period): Promise<RegisterHead["records"]> => {
  const [row] = await all(
    snapshot,
    sql<RegisterHead["records"]>`
      select coalesce(sum(rows) filter (where treatment = 'erase'), 0)::bigint as erased,
        coalesce(sum(rows) filter (where treatment = 'anonymise'), 0)::bigint as anonymised,
        coalesce(sum(rows) filter (where treatment = 'retain'), 0)::bigint as retained, coalesce(sum(spared), 0)::bigint as spared
      from lethe.disposition join lethe.request on request.id = disposition.request_id where ${received(period)}`,
  );
  return row ?? none(["erased", "anonymised", "retained", "spared"]);
};

const readRefusals = (snapshot: Snapshot, period: Period): Promise<RegisterHead["refusals"][number][]> =>
  all(
    snapshot,
    sql<RegisterHead["refusals"][number]>`
      select coalesce(reason, 'no reason on record') as reason, count(*) as requests from lethe.request
      where ${received(period)} and state = 'refused' group by 1 order by 2 desc, 1 limit ${shown}`,
  );

const readTaskCounts = async (snapshot: Snapshot, period: Period): Promise<RegisterHead["tasks"]> => {
  const rows = await all(
    snapshot,
    sql<{ state: string; n: number }>`select task.state, count(*) as n
      from lethe.task join lethe.request on request.id = task.request_id where ${received(period)} group by task.state`,
  );
  const counted = taskStates.map((state) => [state, rows.find((row) => row.state === state)?.n ?? 0]);
  return Object.fromEntries(counted) as RegisterHead["tasks"];
};
