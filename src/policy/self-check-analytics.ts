import type { Path } from "#lib/mistakes.ts";
import { conserveOf } from "#policy/conserve.ts";
import type { WrittenRule, WrittenTransform } from "#policy/schema/document.ts";
import { isAveraged, isShuffled, isStay, listed, suggestion, type Note } from "#policy/self-check-columns.ts";
import { isWithin } from "#records/anonymity.ts";

/** A column that is made coarser by itself. */
const isCoarse = (written: WrittenTransform): boolean =>
  written !== "keep" &&
  [written.truncate, written.generalise, written.band, written.code].some((each) => each !== undefined);

/** A column by which a treated row is known. */
const isSign = (written: WrittenTransform): boolean =>
  written !== "keep" && (written.set !== undefined || written.unique !== undefined);

export const checkAnalytics = (
  base: Path,
  rule: Extract<WrittenRule, { treatment: "anonymise" }>,
  note: Note,
): void => {
  const { columns, quasi, k, attack, late, sensitive, l, t, conserve, by, clock, per = "month" } = rule;
  const mustBeListed = (path: Path, column: string): boolean => {
    if (listed(columns, column)) return true;
    note(path, `\`${column}\` is not listed in \`columns\``, suggestion(columns, column));
    return false;
  };
  for (const [index, column] of (quasi ?? []).entries()) mustBeListed([...base, "quasi", index], column);
  const shuffles = rule.order !== undefined || Object.values(columns).some((each) => isShuffled(each));
  const mixes = shuffles || Object.values(columns).some((each) => isAveraged(each));
  if (k !== undefined && quasi === undefined && !mixes)
    note([...base, "k"], "k is measured over `quasi`, which is missing");
  if (rule.anonymity_set !== undefined && quasi === undefined)
    note([...base, "anonymity_set"], "nobody is hidden in classes without `quasi`, which is missing");
  if (rule.anonymity_set === "nameless" && !Object.values(columns).some(isSign))
    note(
      [...base, "anonymity_set"],
      "no column says the same in every treated row, so nobody could tell which rows are nameless",
      "give a column `{ set: … }` or `{ unique: … }`",
    );
  for (const [index, column] of (sensitive ?? []).entries()) {
    const path = [...base, "sensitive", index];
    if (!mustBeListed(path, column)) continue;
    if (quasi === undefined) note(path, "what is sensitive is measured in classes of `quasi`, which is missing");
    else if (quasi.includes(column))
      note(path, `\`${column}\` is in \`quasi\` as well: others know it, or should not learn it`);
    else if (l === undefined && t === undefined) note(path, "nothing is asked of it", "add `l`, `t` or both");
  }
  if (sensitive === undefined) {
    if (l !== undefined) note([...base, "l"], "l is measured of `sensitive`, which is missing");
    if (t !== undefined) note([...base, "t"], "t is measured of `sensitive`, which is missing");
  }
  if (late !== undefined && quasi === undefined && attack === undefined && !mixes)
    note([...base, "late"], "nobody waits without `quasi`, `attack`, `shuffle`, `mean` or `order`, which are missing");
  if (late === "suppress" && rule.expires !== undefined && toldApartBy(rule).includes(rule.expires.clock))
    note(
      [...base, "late"],
      `\`suppress\` would empty \`${rule.expires.clock}\`, without which rows never expire`,
      "write `erase`, or let no attack compare it",
    );
  for (const [index, compared] of (attack ?? []).entries()) {
    for (const column of Object.keys(compared.by)) mustBeListed([...base, "attack", index, "by", column], column);
  }
  if (rule.per !== undefined && conserve === undefined && rule.aggregate === undefined && !shuffles)
    note([...base, "per"], "`per` divides `conserve`, which is missing");
  for (const [index, written] of (conserve ?? []).entries()) {
    const measure = conserveOf(written);
    if (measure.measure === "count" || !mustBeListed([...base, "conserve", index], measure.column)) continue;
    const change = columns[measure.column];
    if (measure.measure === "distinct") {
      if (change !== "keep" && !isStay(change))
        note([...base, "columns", measure.column], "a column whose different values are counted must be `keep`");
      continue;
    }
    const within = change === "keep" ? undefined : (change?.mean ?? change?.shuffle);
    const parted = within === undefined ? undefined : (by ?? []).find((name) => !within.includes(name));
    if (parted !== undefined)
      note(
        [...base, "columns", measure.column],
        `its sum is conserved by \`${parted}\`, which must be among those within which it changes`,
      );
    if (change !== "keep" && change?.mean === undefined && !isShuffled(change)) {
      note([...base, "columns", measure.column], "a column whose sum is conserved must be `keep`, `mean` or `shuffle`");
    }
  }
  if (by !== undefined && conserve === undefined) note([...base, "by"], "`by` divides `conserve`, which is missing");
  for (const [index, column] of (by ?? []).entries()) {
    const path = [...base, "by", index];
    if (!mustBeListed(path, column)) continue;
    const change = columns[column];
    if (change === "keep" || (change !== undefined && isCoarse(change))) continue;
    if (isStay(change)) {
      note(
        path,
        `\`${column}\` is personal data that stays, and each total by it would be on record as somebody's`,
        "divide by columns that say the same of many people",
      );
      continue;
    }
    note(
      path,
      `\`${column}\` does not stay, so nothing could be compared by it`,
      "name columns that are kept or made coarser",
    );
  }
  if (clock === undefined || !mustBeListed([...base, "clock"], clock)) return;
  const change = columns[clock];
  if (change === undefined || change === "keep" || isShuffled(change)) return;
  if (change.truncate === undefined || !isWithin(change.truncate, per)) {
    note(
      [...base, "columns", clock],
      `the clock must stay in its ${per}: use \`keep\` or truncate it to ${per} or finer`,
    );
  }
};

const counted = ["set", "truncate", "generalise", "band", "code", "rare"] as const;

/** What says of each other where the counts of a class go, and what is in them. */
export const checkAggregate = (
  base: Path,
  rule: Extract<WrittenRule, { treatment: "anonymise" }>,
  note: Note,
): void => {
  const { aggregate, columns, quasi, conserve, clock, late } = rule;
  if (aggregate === undefined) return;
  const path = [...base, "aggregate"];
  if (quasi === undefined) note(path, "counts are per class of `quasi`, which is missing");
  for (const key of ["sensitive", "attack", "order", "by", "anonymity_set"] as const) {
    if (rule[key] !== undefined)
      note([...base, key], "no row stays of which it could be asked: `aggregate` takes them");
  }
  for (const [index, written] of (conserve ?? []).entries()) {
    if (conserveOf(written).measure === "distinct")
      note([...base, "conserve", index], "what is counted cannot say any more how many values there were");
  }
  if (late === "suppress")
    note(
      [...base, "late"],
      "`aggregate` puts rows of too few people into one class already",
      "write `erase` or `wait`",
    );
  if ((clock === undefined) !== (aggregate.period === undefined))
    note(
      path,
      "`clock` says which period a row is of, and `aggregate.period` where that stands",
      "name both, or neither",
    );
  for (const column of quasi ?? []) {
    if (!Object.hasOwn(aggregate.other, column))
      note([...path, "other"], `\`other\` does not say what \`${column}\` is for rows of too few people`);
    const change = columns[column];
    if (change === undefined || change === "keep" || counted.some((key) => key in change)) continue;
    note([...base, "columns", column], `a class is told by it: use keep, ${counted.join(", ")}`);
  }
  for (const column of Object.keys(aggregate.other)) {
    if (quasi?.includes(column) !== true) note([...path, "other", column], "is no column of `quasi`");
  }
  for (const column of Object.keys(aggregate.sums ?? {})) {
    if (!listed(columns, column)) {
      note([...path, "sums", column], `\`${column}\` is not listed in \`columns\``, suggestion(columns, column));
    } else if (columns[column] !== "keep") {
      note([...base, "columns", column], "a column that is summed must be `keep`: the row goes, and its sum stays");
    }
  }
  for (const [index, written] of (conserve ?? []).entries()) {
    const total = conserveOf(written);
    if (total.measure === "count" || Object.hasOwn(aggregate.sums ?? {}, total.column)) continue;
    note([...base, "conserve", index], `nothing keeps it: add \`${total.column}\` to \`aggregate.sums\``);
  }
};

/** The columns by which somebody may be recognised. */
const toldApartBy = ({ quasi, attack }: Extract<WrittenRule, { treatment: "anonymise" }>): readonly string[] => [
  ...(quasi ?? []),
  ...(attack ?? []).flatMap(({ by }) => Object.keys(by)),
];
