import type { Policy, TableRule } from "#policy/policy.ts";
import type { Edge, Via } from "#records/plan.ts";

/** Which tables hold rows of a subject, and by which references. */
export type Reach = {
  /** Distance from the root, in the order of discovery: a table comes after every table through which it is reached. */
  readonly levels: ReadonlyMap<string, number>;
  readonly vias: ReadonlyMap<string, readonly Via[]>;
  /** Self references that own. */
  readonly selves: ReadonlyMap<string, Edge>;
  /** Tables that rows in scope refer to and whose rule is `keep`, or that have no rule: known, not followed. */
  readonly referred: ReadonlySet<string>;
};

/** Rows without personal data: nobody needs to know whose they are. */
export const isLeftAlone = (rule: TableRule | undefined): boolean =>
  rule?.treatment === "keep" && rule.personal.length === 0;

const ownerOf = (rule: TableRule | undefined): readonly string[] | undefined => rule?.owner;

/** Whether rows belong to whom this reference names: any reference does, unless the policy's `owner` says which ones do. */
export const owns = (policy: Policy, edge: Edge): boolean => {
  const owner = ownerOf(policy.tables[edge.table]);
  return owner === undefined || edge.columns.every((column) => owner.includes(column));
};

/** Whether the rule sets the reference to null in the rows that stay, or lets none stay. */
export const nulls = (rule: TableRule | undefined, edge: Edge): boolean =>
  (rule?.treatment === "anonymise" && rule.aggregate !== undefined) ||
  ((rule?.treatment === "anonymise" || rule?.treatment === "retain") &&
    edge.columns.some((column) => rule.columns[column]?.kind === "null"));

/**
 * Breadth first from the root against the direction of references (orders refer to customers, so orders are reached);
 * when nothing more is found that way, one step along references into tables that the policy treats (an address that
 * an order refers to), then again. A table is reached through nearer tables only, so cycles end by themselves.
 */
export const reach = (policy: Policy, edges: readonly Edge[]): Reach => {
  const levels = new Map<string, number>([[policy.subject.table, 0]]);
  const throughReference = new Set<string>();
  const referred = new Set<string>();
  const owning = edges.filter((edge) => edge.table !== edge.to.table && owns(policy, edge));

  for (;;) {
    growChildren(levels, owning);
    const found = new Map<string, number>();
    for (const edge of edges) {
      const level = levels.get(edge.table);
      if (level === undefined || levels.has(edge.to.table) || referred.has(edge.to.table)) continue;
      const rule = policy.tables[edge.to.table];
      if (rule === undefined || isLeftAlone(rule)) referred.add(edge.to.table);
      else found.set(edge.to.table, Math.max(level + 1, found.get(edge.to.table) ?? 0));
    }
    if (found.size === 0) break;
    for (const [table, level] of found) {
      levels.set(table, level);
      throughReference.add(table);
    }
  }

  const depths = deepen(policy.subject.table, levels, throughReference, edges, owning);
  const ordered = new Map([...depths].toSorted(([, a], [, b]) => a - b));
  const nearer = (from: string, to: string): boolean => (depths.get(from) ?? Infinity) < (depths.get(to) ?? Infinity);
  const vias = new Map<string, Via[]>();
  for (const table of ordered.keys()) {
    vias.set(
      table,
      throughReference.has(table)
        ? edges
            .filter((edge) => edge.to.table === table && nearer(edge.table, table))
            .map((edge) => ({ edge, direction: "referred" }))
        : owning
            .filter((edge) => edge.table === table && nearer(edge.to.table, table))
            .map((edge) => ({ edge, direction: "refers" })),
    );
  }
  return { levels: ordered, vias, selves: ownedSelves(policy, edges, levels), referred };
};

/**
 * A link is the policy's word that rows belong where it leads, however far away that is: one history table may be linked to customers
 * and to their addresses. Its table comes after all of them; a link that would lead round in a circle does not count. Returns the
 * longest way from the root to each table.
 */
const deepen = (
  root: string,
  levels: ReadonlyMap<string, number>,
  throughReference: ReadonlySet<string>,
  edges: readonly Edge[],
  owning: readonly Edge[],
): Map<string, number> => {
  const parents = new Map([...levels.keys()].map((table) => [table, new Set<string>()]));
  const isNearer = (a: string, b: string): boolean => (levels.get(a) ?? Infinity) < (levels.get(b) ?? Infinity);
  for (const { table, to } of edges) {
    if (throughReference.has(to.table) && isNearer(table, to.table)) parents.get(to.table)?.add(table);
  }
  for (const { table, to } of owning) {
    if (!throughReference.has(table) && isNearer(to.table, table)) parents.get(table)?.add(to.table);
  }
  const leadsTo = (from: string, to: string, seen = new Set<string>()): boolean =>
    from === to ||
    (!seen.has(from) && [...(seen.add(from) && (parents.get(from) ?? []))].some((parent) => leadsTo(parent, to, seen)));
  for (const { declared, table, to } of owning) {
    if (declared !== "link" || table === root || throughReference.has(table) || !levels.has(to.table)) continue;
    if (!leadsTo(to.table, table)) parents.get(table)?.add(to.table);
  }
  const depths = new Map<string, number>();
  const depth = (table: string): number => {
    const known = depths.get(table);
    if (known !== undefined) return known;
    const found = Math.max(-1, ...[...(parents.get(table) ?? [])].map(depth)) + 1;
    depths.set(table, found);
    return found;
  };
  for (const table of levels.keys()) depth(table);
  return depths;
};

const growChildren = (levels: Map<string, number>, owning: readonly Edge[]): void => {
  for (let grown = true; grown;) {
    grown = false;
    const next = new Map<string, number>();
    for (const edge of owning) {
      const level = levels.get(edge.to.table);
      if (level === undefined || levels.has(edge.table)) continue;
      next.set(edge.table, Math.min(level + 1, next.get(edge.table) ?? Infinity));
    }
    // Only the nearest layer of this round: a farther find may turn out to be nearer by another reference.
    const nearest = Math.min(...next.values());
    for (const [table, level] of next) {
      if (level !== nearest) continue;
      levels.set(table, level);
      grown = true;
    }
  }
};

// The root's own hierarchy is between people: a parent's child is another data subject, never the parent's row.
const ownedSelves = (policy: Policy, edges: readonly Edge[], levels: ReadonlyMap<string, number>): Map<string, Edge> =>
  new Map(
    edges
      .filter((edge) => edge.table === edge.to.table && edge.table !== policy.subject.table && levels.has(edge.table))
      .filter((edge) => ownerOf(policy.tables[edge.table]) !== undefined && owns(policy, edge))
      .map((edge) => [edge.table, edge]),
  );

/** Whether a batch may change rows of the table: of one that is kept only the root's, by a mark, or those that a remedy settles. */
export const mayChange = (policy: Policy, name: string): boolean =>
  (policy.tables[name]?.treatment ?? "keep") !== "keep" || name === policy.subject.table || isRemedied(policy, name);

export const isRemedied = ({ blockers }: Policy, name: string): boolean =>
  blockers.some(({ table, remedy }) => table === name && remedy !== undefined);

/** Rows of the table may go before any step, by a remedy. */
export const isRemoved = ({ blockers }: Policy, name: string): boolean =>
  blockers.some(({ table, remedy }) => table === name && remedy?.kind === "remove");
