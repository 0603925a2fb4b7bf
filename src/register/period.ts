import { sql, type RawBuilder } from "kysely";
import { Temporal } from "temporal-polyfill";
import { LetheError } from "#lib/errors.ts";
import type { Period } from "#register/register-source.ts";

/** A period from what a person typed; either end may be left open. Throws `USAGE` for days that are none, or not in order. */
export const parsePeriod = ({
  from,
  to,
}: {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}): Period => {
  const [first, last] = [from, to].map((day) => (day === undefined ? null : dayOf(day)));
  const period = { from: first ?? null, to: last ?? null };
  if (period.from !== null && period.to !== null && period.from > period.to) throw unusable();
  return period;
};

const dayOf = (text: string): string => {
  try {
    return Temporal.PlainDate.from(text, { overflow: "reject" }).toString();
  } catch {
    throw unusable();
  }
};

const unusable = (): LetheError =>
  new LetheError("USAGE", "the period is not two days in order", {
    hint: "give --from and --to as YYYY-MM-DD, the earlier day first, or leave one out",
  });

/** Whether a row of `lethe.request`, named `request`, was received in the period. */
export const received = ({ from, to }: Period): RawBuilder<boolean> =>
  sql`request.received_on between coalesce(${from}::date, '-infinity') and coalesce(${to}::date, 'infinity')`;

/** The period in words: of which requests the register is. */
export const periodText = ({ from, to }: Period): string => {
  if (from === null && to === null) return "all requests on record";
  if (from === null) return `requests received by ${to}`;
  return to === null ? `requests received since ${from}` : `requests received from ${from} to ${to}`;
};
