import type { Catalog } from "#catalog/catalog.ts";
import type { Blocker, Condition, Policy, Remedy } from "#policy/policy.ts";
import { isEmptiedInVain } from "#plan/emptying.ts";
import type { Finding } from "#plan/finding.ts";
import { waits } from "#plan/order.ts";
import { nulls, owns, type Reach } from "#plan/reach.ts";
import { assignedBy } from "#plan/remedy-circles.ts";
import { scopesOf } from "#plan/scopes.ts";
import { wayToRoot } from "#plan/ways.ts";
import type { Edge, Scope } from "#records/plan.ts";

type Plans = {
  readonly policy: Policy;
  readonly catalog: Catalog;
  readonly edges: readonly Edge[];
  readonly found: Reach;
};

/**
 * Remedies come before every step: what still refers to a removed row then keeps it. Nothing does when a remedy before has seen to every
 * row that refers, whatever else it says; or, where the check can wait until the commit, when the rows that refer go or let go by then.
 */
export const restrictFindings = (plans: Plans, removing: Blocker, index: number): readonly Finding[] => {
  const { policy, catalog, edges, found } = plans;
  const scopes = scopesOf(policy, catalog, edges, found);
  const { code, table } = removing;
  return edges
    .filter((edge) => edge.to.table === table && (refuses(edge) || isEmptiedInVain(catalog, edge)))
    .filter((edge) => !(waits(edge) && letsGo(plans, scopes, removing, edge)))
    .filter((edge) => !before(policy, edge, index).some((blocker) => coversAll(plans, blocker, removing, edge)))
    .map((edge) => ({
      code: "POLICY_CONTRADICTION",
      message: `the remedy of ${code} would remove rows of ${table} to which rows of ${edge.table} may still refer (${edge.name}): the database would refuse it`,
      place: policy.placeOf(["blockers", index, "then"]),
      hint: `${adviceBefore(plans, removing, edge)}set rows of ${table} instead of removing them, or let it block`,
    }));
};

/** Which remedy before would see to every row that refers; empty where the policy has no words for it, or may not change those rows. */
const adviceBefore = ({ policy, edges, found }: Plans, removing: Blocker, edge: Edge): string => {
  const way = wayOf(policy, edges, found, removing);
  const isPlain = belongs(policy, found, edge) && isOwn(policy, edges, found, removing);
  const columns = [edge, ...(way ?? [])].map((each) => each.columns);
  if (policy.tables[edge.table]?.treatment === "retain") return "";
  if (!isPlain && (way === undefined || columns.some(({ length }) => length > 1))) return "";
  const whose = isPlain ? "" : `with whose: ${columns.join(".")} and `;
  const unlinks = edge.emptied.length === 0 ? "" : ` or unlinks ${edge.emptied.join(",")}`;
  return `declare before it a remedy ${whose}without other conditions that removes rows of ${edge.table}${unlinks}; or `;
};

const refuses = ({ onDelete }: Edge): boolean => onDelete === "no action" || onDelete === "restrict";

/** A removal is itself one that comes before what its own statement leaves, unless the database asks at every row. */
const before = ({ blockers }: Policy, edge: Edge, index: number): readonly Blocker[] =>
  blockers.slice(0, edge.table === edge.to.table && edge.onDelete === "no action" ? index + 1 : index);

/** By the commit every row that refers is erased, or its rule has emptied the reference: it is the subject's, as the removed row is. */
const letsGo = ({ policy, edges, found }: Plans, scopes: readonly Scope[], removing: Blocker, edge: Edge): boolean => {
  const rule = policy.tables[edge.table];
  if (rule?.treatment !== "erase" && !nulls(rule, edge)) return false;
  if (!belongs(policy, found, edge) || !isOwn(policy, edges, found, removing)) return false;
  const [referring, removed] = [edge.table, edge.to.table].map((name) => scopes.find(({ table }) => table === name));
  if (removed === undefined || removed.contested) return false;
  // A row that is spared is cut loose, from the entry of what is gone.
  const isCut = edge.emptied.length > 0 && edge.to.columns.every((column) => removed.key.includes(column));
  return referring !== undefined && (!maySpare(referring) || (isCut && leaves(policy, edge.to.table)));
};

const maySpare = ({ contested, uses }: Scope): boolean => contested || uses.length > 0;

const leaves = ({ tables }: Policy, table: string): boolean =>
  tables[table]?.treatment === "erase" || tables[table]?.treatment === "anonymise";

/**
 * What refers along the edge to a subject's row is the subject's too, as far as the schema and the policy tell: not where the policy says
 * that the reference only mentions, nor where it leads to what people share, such as an address.
 */
const belongs = (policy: Policy, found: Reach, edge: Edge): boolean => {
  const { table, to } = edge;
  if (table === to.table) return found.selves.get(table) === edge;
  const isShared = (found.vias.get(to.table) ?? []).some(({ direction }) => direction === "referred");
  return found.levels.has(table) && owns(policy, edge) && !isShared;
};

/** The rows at which the blocker stops are the subject's. */
const isOwn = (policy: Policy, edges: readonly Edge[], found: Reach, { table, whose }: Blocker): boolean =>
  whose === undefined ||
  wayToRoot(edges, table, whose, policy.subject.table)?.every((edge) => belongs(policy, found, edge)) === true;

/** Whether the remedy of `first` takes every row that refers along the edge to a row that `removing` removes. */
const coversAll = ({ policy, edges, found }: Plans, first: Blocker, removing: Blocker, edge: Edge): boolean => {
  if (first.table !== edge.table || first.remedy === undefined || !loosens(first.remedy, edge)) return false;
  const isMet = ([column, condition]: [string, Condition]): boolean =>
    edge.columns.includes(column) && "isNull" in condition && !condition.isNull;
  if (first.other !== undefined || !Object.entries(first.when).every(isMet)) return false;
  if (first.whose === undefined) return belongs(policy, found, edge) && isOwn(policy, edges, found, removing);
  const rest = wayOf(policy, edges, found, removing);
  const way = wayToRoot(edges, first.table, first.whose, policy.subject.table) ?? [];
  return rest !== undefined && isSame(way, [edge, ...rest]);
};

/** From the removed rows to the subject, where there is one way only. */
const wayOf = (
  policy: Policy,
  edges: readonly Edge[],
  found: Reach,
  { table, whose }: Blocker,
): readonly Edge[] | undefined =>
  whose === undefined ? onlyWay(policy, found, table) : wayToRoot(edges, table, whose, policy.subject.table);

const isSame = (one: readonly Edge[], other: readonly Edge[]): boolean =>
  one.length === other.length && one.every((edge, index) => edge === other[index]);

const loosens = (remedy: Remedy, edge: Edge): boolean =>
  remedy.kind === "remove" || edge.columns.some((column) => assignedBy(remedy)[column]?.kind === "null");

const onlyWay = (policy: Policy, found: Reach, table: string): readonly Edge[] | undefined => {
  if (table === policy.subject.table) return [];
  const [via, ...more] = found.vias.get(table) ?? [];
  if (via?.direction !== "refers" || more.length > 0 || found.selves.has(table)) return undefined;
  const rest = onlyWay(policy, found, via.edge.to.table);
  return rest === undefined ? undefined : [via.edge, ...rest];
};
