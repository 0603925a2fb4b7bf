import { figure } from "#lib/figure.ts";
import { calendar, type Calendar } from "#demo/calendar.ts";
import type { Context, Store } from "#context.ts";
import { generateCompany } from "#demo/generate.ts";
import { loadCompany } from "#demo/load.ts";
import { writeLetters, type LetterBox } from "#demo/requests.ts";
import { timeZone } from "#demo/workspace.ts";

export type Size = { readonly customers: number; readonly seed: number };

/** The sample company as it was before anybody was forgotten, and what people wrote to it. */
export type Sample = { readonly days: Calendar; readonly letters: LetterBox };

/** Makes the company in the store's database, which is empty. */
export const foundCompany = async (context: Context, { customers, seed }: Size): Promise<Sample> => {
  const { clock, progress } = context;
  const days = calendar(clock, timeZone);
  progress.stage("Found a company");
  const company = generateCompany({ seed, customers, days });
  const loaded = await loadCompany(onlyStore(context).pool, company, days);
  progress.end(`${figure(customers)} customers, ${figure(loaded.rows)} rows in ${loaded.tables} tables`);
  return { days, letters: writeLetters(seed, company, days) };
};

export const onlyStore = ({ stores }: Context): Store => {
  const [store] = stores;
  if (store === undefined) throw new TypeError("the demo's configuration names one store");
  return store;
};
