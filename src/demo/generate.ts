import type { Calendar } from "#demo/calendar.ts";
import { makeActivity } from "#demo/activity.ts";
import { makeBilling } from "#demo/billing.ts";
import { benefitRows, priceRows, productRows } from "#demo/catalogue.ts";
import { makeContracts } from "#demo/contracts.ts";
import { makePeople, type Address, type Person } from "#demo/people.ts";
import type { Row, Tables } from "#demo/tables.ts";

/** The sample company: every row, and the people behind the rows for whoever writes their requests. */
export type Company = { readonly people: readonly Person[]; readonly tables: Tables };

/**
 * A subscription company of `customers` people (some fifty rows each). The same seed, size and day give the same
 * company, byte for byte. Names, domains, telephone numbers and network addresses are fictional or reserved.
 */
export const generateCompany = (options: {
  readonly seed: number;
  readonly customers: number;
  readonly days: Calendar;
}): Company => {
  const { seed, customers, days } = options;
  const { people, addresses } = makePeople(seed, customers, days);
  const { contracts, rows: agreed } = makeContracts(seed, people, addresses, days);
  const billed = makeBilling(seed, people, addresses, contracts, days);
  const done = makeActivity(seed, people, { addresses, invoices: billed.invoices }, days);
  const tables: Record<string, readonly Row[]> = {
    addresses: addresses.map((address) => addressRow(address, days)),
    customers: people.map((person) => customerRow(person, days)),
    payment_methods: agreed.payment_methods,
    products: productRows(),
    prices: priceRows(),
    subscriptions: agreed.subscriptions,
    gifts: agreed.gifts,
    benefits: benefitRows(),
    benefit_grants: agreed.benefit_grants,
    orders: agreed.orders,
    order_lines: agreed.order_lines,
    devices: agreed.devices,
    ...billed,
    ...done,
  };
  return { people, tables: new Map(Object.entries(tables)) };
};

const addressRow = (address: Address, days: Calendar): Row => ({
  id: address.id,
  line1: address.line1,
  postcode: address.postcode,
  city: address.city,
  region: address.region,
  country: address.country,
  created_at: days.moment(address.since, 36_000),
});

const customerRow = (person: Person, days: Calendar): Row => ({
  id: person.id,
  external_id: person.externalId,
  parent_id: person.parent?.id ?? null,
  first_name: person.first.written,
  last_name: person.last.written,
  email: person.email,
  phone: person.phone,
  birth_date: person.birthDate,
  company: person.company,
  // Whose last subscription has ended has an account nevertheless, until somebody closes it.
  status: person.left === undefined || person.id % 3 > 0 ? "active" : "inactive",
  locale: person.culture.locale,
  country: person.culture.country,
  default_address_id: person.addressId,
  created_at: days.moment(person.joined, 36_000),
});
