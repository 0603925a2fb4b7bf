import { sql, type Kysely, type RawBuilder } from "kysely";
import type { Shape, Step } from "#records/plan.ts";
import { classOfGroup, drawnName, groupName, mixedIn, otherClass, otherGroup, otherName } from "#scope/drawn.ts";
import { scopeTable, subjects } from "#scope/sql.ts";

/** A request whose rows were mixed with those of too few people: how many of its rows, and the people. */
export type Few = {
  readonly request: number;
  readonly class: number;
  readonly rows: number;
  readonly people: number;
  /** And of how many it takes. */
  readonly among: number;
};

type Anonymise = Extract<Step, { kind: "anonymise" }>;

/**
 * Who has exchanged values, or places, shares a mean, or is counted with too few others to be hidden among them (requirements D4, D6): one of two people can be told
 * by anybody who knows the other. What is empty gives nobody away.
 */
export const mixedAmongFew = async (db: Kysely<unknown>, shape: Shape, step: Anonymise): Promise<readonly Few[]> => {
  const found: Few[] = [];
  for (const { transform, name } of mixedIn(step)) {
    // A row without a value has no group in which means are taken.
    const said = transform.kind === "mean" ? groupName(name) : drawnName(name);
    const [group, of, value] = [groupName(name), classOfGroup(name), said].map((each) => sql.id("s", each));
    const few = sql`select ${group} as g, count(distinct j.key) as people from ${entries(shape, step)}
      group by 1 having count(distinct j.key) < ${transform.among} and count(${value}) > 0`;
    const { rows } =
      await sql<Few>`select s.request, min(${of}) as class, count(*) as rows, min(few.people) as people, ${transform.among}::int as among
      from ${entries(shape, step)} join (${few}) few on few.g = ${group} group by 1 order by 1`.execute(db);
    found.push(...rows);
  }
  if (step.aggregate !== undefined) {
    const { among } = step.aggregate;
    const group = sql.id("s", otherGroup);
    const others = sql`${entries(shape, step)} where ${sql.id("s", otherName)}`;
    const { rows } =
      await sql<Few>`select s.request, min(${sql.id("s", otherClass)}) as class, count(*) as rows, min(few.people) as people, ${among}::int as among
      from ${entries(shape, step)} join (select ${group} as g, count(distinct j.key) as people from ${others} group by 1
        having count(distinct j.key) < ${among}) few on few.g = ${group} where ${sql.id("s", otherName)} group by 1 order by 1`.execute(
        db,
      );
    found.push(...rows);
  }
  if (step.reorder === undefined) return found;
  const { rows } =
    await sql<Few>`select s.request, 0 as class, count(*) as rows, min(few.people) as people, ${step.reorder.among}::int as among
    from ${entries(shape, step)} cross join (select count(distinct j.key) as people from ${entries(shape, step)}) few
    where people < ${step.reorder.among} group by 1 order by 1`.execute(db);
  return [...found, ...rows];
};

const entries = (shape: Shape, { table }: Anonymise): RawBuilder<unknown> =>
  sql`(select * from ${scopeTable(shape, table)} where not spared) s join ${subjects} j on j.request = s.request`;
