import { id, list, tableIn, text } from "#clickhouse/sql.ts";
import { decimalsOf } from "#catalog/types.ts";
import { columnKind, unwrapped } from "#clickhouse/column-types.ts";
import { decimalsIn } from "#lib/decimals.ts";
import type { Transform } from "#policy/policy.ts";
import type { ColumnChange } from "#records/plan.ts";

const supported = [
  "keep",
  "stays",
  "null",
  "constant",
  "unique",
  "now",
  "truncate",
  "generalise",
  "band",
  "code",
  "rare",
] as const;
export type Supported = Extract<Transform, { kind: (typeof supported)[number] }>;

/** Whether a transform is done in ClickHouse, too. */
export const isSupported = (transform: Transform): transform is Supported =>
  (supported as readonly string[]).includes(transform.kind);

export type ColumnTransform = {
  readonly database: string;
  readonly table: string;
  /** IANA name: whose days, weeks and months are meant. */
  readonly timeZone: string;
  /** ISO instant, and ISO date where the controller is. */
  readonly now: { readonly instant: string; readonly day: string };
  /** The column's type as ClickHouse writes it. */
  readonly type: string;
};

/** The expression of what becomes of a column of the row `t`, of its own type. Bare names could mean what another column becomes. */
export const columnTransformSql = (
  { name, transform }: Pick<ColumnChange, "name" | "transform">,
  of: ColumnTransform,
): string => {
  if (!isSupported(transform)) throw new TypeError(`${transform.kind} was refused before`);
  const value = `t.${id(name)}`;
  const cast = (expression: string): string => `cast(${expression}, ${text(of.type)})`;
  switch (transform.kind) {
    case "keep":
    case "stays":
      return value;
    case "null":
      return cast("null");
    case "constant":
      return cast(text(String(transform.value)));
    case "unique":
      return cast(`replaceAll(${text(transform.template)}, '{random}', lower(hex(randomFixedString(10))))`);
    case "now": {
      const moment = isDate(of.type)
        ? `toDate(${text(of.now.day)})`
        : `parseDateTime64BestEffort(${text(of.now.instant)}, 3, 'UTC')`;
      return transform.when === "always" ? cast(moment) : cast(`coalesce(${value}, ${moment})`);
    }
    case "truncate":
      return cast(truncated(value, transform.to, of));
    case "generalise": {
      const otherwise = transform.otherwise === null ? "null" : text(transform.otherwise);
      const found = Object.entries(transform.map).map(
        ([from, to]) => `toString(${value}) = ${text(from)}, ${text(to)}`,
      );
      const mapped = found.length === 0 ? otherwise : `multiIf(${list([...found, otherwise])})`;
      return `if(${value} is null, ${value}, ${cast(mapped)})`;
    }
    case "band":
      return lowerEnd(value, transform, of.type);
    case "code": {
      const above =
        transform.bottom === undefined ? value : `greatest(${value}, ${cast(text(String(transform.bottom)))})`;
      return `if(${value} is null, ${value}, ${transform.top === undefined ? above : `least(${above}, ${cast(text(String(transform.top)))})`})`;
    }
    case "rare": {
      const frequent = `select ${id(name)} from ${tableIn(of.database, of.table)} group by 1 having count() >= ${transform.below}`;
      const otherwise = transform.otherwise === null ? "null" : text(transform.otherwise);
      return `if(${value} is null or ${value} in (${frequent}), ${value}, ${cast(otherwise)})`;
    }
  }
};

/**
 * The lower end of the band in which a number lies, by remainders, which are exact. A binary number is taken as it is written, and no higher than it is where
 * it has more decimals than its bands; ClickHouse rounds it twice unless it becomes text between. What is infinite or no number stays so.
 */
const lowerEnd = (value: string, { width, from }: Extract<Transform, { kind: "band" }>, type: string): string => {
  const { base } = unwrapped(type);
  const scale = Math.max(6, decimalsOf(columnKind(type).type) ?? 0, decimalsIn(width), decimalsIn(from));
  const decimal = (number: string): string => `toDecimal256(${number}, ${scale})`;
  const [w, f] = [decimal(text(String(width))), decimal(text(String(from)))];
  const endOf = (number: string): string => {
    const remainder = `modulo(${number} - ${f}, ${w})`;
    return `${number} - ${remainder} - if(${remainder} < 0, ${w}, ${decimal("0")})`;
  };
  if (!/Float/.test(base)) return `cast(${endOf(decimal(value))}, ${text(type)})`;
  const float = base === "Float64" ? "toFloat64" : "toFloat32";
  const near = decimal(`toString(${value})`);
  const above = `${float}(toString(${near})) > ${value}`;
  const below = `(${near} - if(${above}, ${decimal(text(`1e-${scale}`))}, ${decimal("0")}))`;
  return `if(isFinite(${value}), cast(${float}(toString(${endOf(below)})), ${text(type)}), ${value})`;
};

const isDate = (type: string): boolean => /^Date(32)?$/.test(unwrapped(type).base);

const beginnings = {
  day: "toStartOfDay",
  week: "toMonday",
  month: "toStartOfMonth",
  quarter: "toStartOfQuarter",
  year: "toStartOfYear",
};

/** The beginning of a period where the controller is: of a moment the moment of that midnight. */
const truncated = (value: string, unit: keyof typeof beginnings, { type, timeZone }: ColumnTransform): string => {
  if (isDate(type)) return unit === "day" ? value : `${beginnings[unit]}(${value})`;
  const local = toLocal(value, type, timeZone);
  if (unit === "day") return `toStartOfDay(${local})`;
  return `toStartOfDay(toDateTime64(${beginnings[unit]}(${local}), 0, ${text(timeZone)}))`;
};

/** By the clocks of a time zone, and of the type that holds every year. */
const toLocal = (value: string, type: string, timeZone: string): string => {
  const scale = /^DateTime64\((\d)/.exec(unwrapped(type).base)?.[1] ?? "0";
  return `toDateTime64(${value}, ${scale}, ${text(timeZone)})`;
};

/** The first day of the period of the totals in which a moment lies: a `Date32`. */
export const periodSql = (
  column: string,
  unit: keyof typeof beginnings,
  of: Pick<ColumnTransform, "type" | "timeZone">,
): string => {
  const value = isDate(of.type) ? id(column) : toLocal(id(column), of.type, of.timeZone);
  return unit === "day" ? `toDate32(${value})` : `toDate32(${beginnings[unit]}(${value}))`;
};
