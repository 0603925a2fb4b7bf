import type { Edge } from "#records/plan.ts";

/** `before` must run before `after`. */
export type Precedence = { readonly before: string; readonly after: string; readonly edge: Edge | undefined };

export type Order = {
  readonly tables: readonly string[];
  /** References that no order can respect: deferred to the commit, or cut first. */
  readonly deferred: readonly Edge[];
  readonly cut: readonly Edge[];
  /** Tables of a cycle that can be neither deferred nor cut. */
  readonly stuck: readonly string[];
};

/**
 * Topological order (Kahn), stable in the order given. Where a cycle leaves no candidate, a deferrable reference is left to the
 * commit, else a nullable one is cut, else the cycle is reported.
 */
export const orderTables = (tables: readonly string[], precedences: readonly Precedence[]): Order => {
  const remaining = new Set(tables);
  let open = precedences.filter(
    ({ before, after }) => before !== after && remaining.has(before) && remaining.has(after),
  );
  const ordered: string[] = [];
  const deferred: Edge[] = [];
  const cut: Edge[] = [];
  while (remaining.size > 0) {
    const next = tables.find((table) => remaining.has(table) && !open.some(({ after }) => after === table));
    if (next !== undefined) {
      remaining.delete(next);
      ordered.push(next);
      open = open.filter(({ before }) => before !== next);
      continue;
    }
    const cyclic = open.filter((precedence) => inCycle(precedence, open));
    const weakest =
      cyclic.find(({ edge }) => edge !== undefined && waits(edge)) ??
      cyclic.find(({ edge }) => edge !== undefined && edge.emptied.length > 0) ??
      cyclic.find(({ edge }) => edge?.nullable === true);
    if (weakest?.edge === undefined) return { tables: ordered, deferred, cut, stuck: [...remaining].toSorted() };
    (waits(weakest.edge) ? deferred : cut).push(weakest.edge);
    open = open.filter((precedence) => precedence !== weakest);
  }
  return { tables: ordered, deferred, cut, stuck: [] };
};

/** Only a check can be deferred; RESTRICT and the other actions happen at once, whatever the constraint says. */
export const waits = (edge: Edge): boolean => edge.deferrable && edge.onDelete === "no action";

const inCycle = ({ before, after }: Precedence, all: readonly Precedence[]): boolean => {
  const seen = new Set<string>();
  const queue = [after];
  for (let table = queue.pop(); table !== undefined; table = queue.pop()) {
    if (table === before) return true;
    if (seen.has(table)) continue;
    seen.add(table);
    queue.push(...all.filter((precedence) => precedence.before === table).map((precedence) => precedence.after));
  }
  return false;
};
