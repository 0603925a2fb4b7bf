import { sql } from "kysely";
import { columnOf, storeOf } from "#anonymity/measure-table.ts";
import { askedOf, incomplete, refuseSize, type Asked, type SearchOptions } from "#anonymity/search/asked.ts";
import { choicesOf, isTold } from "#anonymity/search/due/becomes.ts";
import { dueNodesOf, mostDueNodes, searchDueRows, type DueAnswer } from "#anonymity/search/due/search.ts";
import { createDueTables, type DueColumn, type DueQuestion, type DueSensitive } from "#anonymity/search/due/tables.ts";
import { readHierarchies } from "#anonymity/search/read-hierarchies.ts";
import { foundColumn, type FoundColumn } from "#anonymity/search/search-table.ts";
import type { Question } from "#anonymity/search/tables.ts";
import type { CatalogTable } from "#catalog/catalog.ts";
import type { Context } from "#context.ts";
import { inTransaction, withStoreSession } from "#execute/store-session.ts";
import { currentShape, whoCanGo } from "#forecast.ts";
import { dueRequests } from "#intake/requests-to-plan.ts";
import { LetheError } from "#lib/errors.ts";
import type { Policy, TableRule } from "#policy/policy.ts";
import { whoseOf } from "#plan/scopes.ts";
import type { Late } from "#records/anonymity.ts";
import type { Shape } from "#records/plan.ts";
import { lastNightOf, type Nights } from "#lib/nights.ts";
import { createScopeTables, deriveScopes, type ScopeSubject } from "#scope/derive.ts";
import { scopeOf, scopeTable, subjects } from "#scope/sql.ts";

export type DueFound = DueAnswer & {
  readonly store: string;
  readonly table: string;
  readonly wanted: Omit<Asked, "suppress">;
  /** That are to be executed, and of whom in this store nothing stops them. */
  readonly requests: { readonly due: number; readonly go: number };
  /** None where there are no rows that are due. */
  readonly columns: readonly FoundColumn[];
  /** Levels that no policy can write, and that were not looked at. */
  readonly unwritable: readonly { readonly column: string; readonly levels: number }[];
  /** Columns of which the policy makes what cannot be told before the night. */
  readonly untold: readonly string[];
  /** What the policy does with the rows of who waits, and the ISO date of the first night in which it does; null: nobody waits. */
  readonly late: { readonly then: Late; readonly until: string | null };
  readonly searchedAt: string;
};

/**
 * The levels of a table's quasi-identifiers that lose least and reach the thresholds for the rows of people whose requests are due, beside all others as they are,
 * in one read-only snapshot of the store; whoever `lethe plan` would find stopped does not count.
 *
 * Throws as `searchTable` does, and `USAGE` with the place in the policy for a table whose rows do not stay by it, or whose sensitive values cannot be told
 * before the night; `POLICY_…` where the policy does not fit the store.
 */
export const searchDue = async (ctx: Context, options: SearchOptions): Promise<DueFound> => {
  const store = storeOf(ctx, options.store);
  const read = await readHierarchies(options.hierarchies);
  refuseSuppress(options);
  const requests = await dueRequests(ctx.state.db);
  const people = await whoCanGo(ctx, store.name, requests);
  return withStoreSession(store, async (session) => {
    const { shape, catalog } = await currentShape(session);
    const { table, wanted, question: asked } = askedOf(store, catalog, read, options);
    const rule = ruleOf(store.policy, table.name);
    const whose = whoseOf(shape.scopes, table.name);
    const { question, unwritable } = questionOf(store.policy, rule, table, { ...asked, whose }, wanted);
    refuseSize(dueNodesOf(question), mostDueNodes);
    await createScopeTables(session.db, shape);
    await createDueTables(session.db, question);
    const searched = await inTransaction(session, "read-only", async () => {
      await deriveScopes(session.client, session.db, shape, people);
      return searchDueRows(session.db, question, wanted, rowsOf(shape, table.name));
    });
    if ("missed" in searched) throw incomplete(read, searched.missed);
    const { answer, waiting } = searched;
    const { best } = answer;
    const { suppress: _, ...thresholds } = wanted;
    return {
      store: store.name,
      table: table.name,
      wanted: thresholds,
      requests: { due: requests.length, go: people.length },
      ...answer,
      columns: best === null ? [] : read.hierarchies.map((each, index) => foundColumn(each, best, index, table)),
      unwritable,
      untold: question.columns.flatMap(({ hierarchy, now }) => (now === undefined ? [hierarchy.column] : [])),
      late: { then: rule.analytics?.late ?? "wait", until: firstNight(ctx.config, people, requests, waiting) },
      searchedAt: ctx.clock.now().toString(),
    };
  });
};

const refuseSuppress = ({ suppress }: SearchOptions): void => {
  if (suppress === 0) return;
  throw new LetheError("USAGE", "--suppress is for a whole table, and --due for the rows that are due", {
    hint: "leave out --suppress: whoever does not reach what is asked waits, and the answer says how many people that are",
  });
};

type Anonymised = Extract<TableRule, { treatment: "anonymise" }>;

const ruleOf = (policy: Policy, table: string): Anonymised => {
  const rule = policy.tables[table];
  if (rule?.treatment !== "anonymise") {
    throw new LetheError("USAGE", `no rows of ${table} are anonymised when they are due: the policy says otherwise`, {
      place: policy.placeOf(["tables", table, "treatment"]),
      hint: "search a table with `treatment: anonymise`, or leave out --due",
    });
  }
  if (rule.aggregate === undefined) return rule;
  throw new LetheError(
    "USAGE",
    `rows of ${table} are counted in ${rule.aggregate.into} and go: no other rows are their company`,
    {
      place: policy.placeOf(["tables", table, "aggregate"]),
      hint: "leave out --due to search the whole table",
    },
  );
};

const questionOf = (
  policy: Policy,
  rule: Anonymised,
  table: CatalogTable,
  { hierarchies, sensitive, whose }: Question & Pick<DueQuestion, "whose">,
  { l, t }: Asked,
): { readonly question: DueQuestion; readonly unwritable: DueFound["unwritable"] } => {
  const each = hierarchies.map((hierarchy) => {
    const column = columnOf(table, hierarchy.column);
    const { choices, unwritable } = choicesOf(hierarchy, column);
    const now = rule.columns[column.name] ?? { kind: "keep" };
    const due: DueColumn = { hierarchy, type: column.type, choices, now: isTold(now) ? now : undefined };
    return { due, unwritable: { column: column.name, levels: unwritable } };
  });
  const measured = l === undefined && t === undefined ? [] : sensitive;
  const types = new Map(table.columns.map(({ name, type }) => [name, type]));
  const treatedBut = (names: readonly { readonly column: string }[]) =>
    Object.entries(rule.columns).flatMap(([name, transform]) =>
      names.some(({ column }) => column === name) ? [] : [{ name, transform, type: types.get(name) }],
    );
  const question: DueQuestion = {
    table: table.name,
    columns: each.map(({ due }) => due),
    sensitive: measured.map((one): DueSensitive => {
      const after = rule.columns[one.column] ?? { kind: "keep" };
      const { type } = columnOf(table, one.column);
      if (isTold(after)) return { ...one, type, after };
      throw new LetheError("USAGE", `what becomes of ${one.column} cannot be told before the night (${after.kind})`, {
        place: policy.placeOf(["tables", table.name, "columns", one.column]),
        hint: "name other columns with --sensitive, or leave out l and t in the policy",
      });
    }),
    nameless: rule.analytics?.anonymitySet === "nameless",
    // An earlier policy may have published other values in what is measured: by that no row is told.
    treated: treatedBut([...hierarchies, ...measured]),
    // At other levels a quasi-identifier has another rule, and is no sign.
    signs: treatedBut(hierarchies),
    whose,
  };
  return { question, unwritable: each.flatMap(({ unwritable }) => (unwritable.levels === 0 ? [] : [unwritable])) };
};

const rowsOf = (shape: Shape, table: string) => {
  const scope = scopeOf(shape, table);
  if (scope === undefined) throw new TypeError(`${table} is anonymised, and has no scope`);
  return {
    entries: sql`select * from ${scopeTable(shape, table)} where not spared`,
    persons: sql`select request, min(request) over (partition by key) as person from ${subjects}`,
    key: scope.key,
  };
};

/** The first of the last nights before somebody's request is due who would wait. */
const firstNight = (
  nights: Nights,
  people: readonly ScopeSubject[],
  requests: Awaited<ReturnType<typeof dueRequests>>,
  waiting: readonly number[],
): string | null => {
  const waits = new Set(waiting);
  const keys = new Set(people.filter(({ request }) => waits.has(request)).map(({ key }) => key));
  const theirs = new Set(people.filter(({ key }) => keys.has(key)).map(({ request }) => request));
  // They come ordered by the day on which they are due.
  const first = requests.find(({ id }) => theirs.has(id));
  return first === undefined ? null : lastNightOf(first.due_on, nights);
};
