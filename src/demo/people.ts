import type { Calendar } from "#demo/calendar.ts";
import { companies, cultures, type Culture, type Name } from "#demo/names.ts";
import { phoneBook } from "#demo/phones.ts";
import { prng, type Prng } from "#demo/prng.ts";

/** Why a former customer cannot be erased yet; each one comes with exactly one reason, so that the report names it. */
export const traps = [
  "pending-order",
  "device-out",
  "open-invoice",
  "pending-payment",
  "wallet-balance",
  "running-workflow",
] as const;
export type Trap = (typeof traps)[number];

/** A customer as the generators know them: the row of `customers` and the part that they play. */
export type Person = {
  readonly id: number;
  readonly externalId: string | null;
  /** A company's head office, which pays for its branches. */
  readonly parent: Person | undefined;
  readonly first: Name;
  readonly last: Name;
  readonly email: string;
  readonly phone: string | null;
  readonly birthDate: string | null;
  readonly company: string | null;
  readonly culture: Culture;
  readonly addressId: number;
  /** Days ago. */
  readonly joined: number;
  /** Days ago when the last subscription ended; undefined for a customer of today. */
  readonly left: number | undefined;
  readonly trap: Trap | undefined;
};

export type Address = {
  readonly id: number;
  readonly line1: string;
  readonly postcode: string;
  readonly city: string;
  readonly region: string;
  readonly country: string;
  /** Days ago. */
  readonly since: number;
};

export type People = { readonly people: readonly Person[]; readonly addresses: readonly Address[] };

const formerShare = 0.28;
const householdShare = 0.12;
const branchShare = 0.05;

/** Draws `count` customers: a quarter of them former ones, some sharing an address, some branches of a company. */
export const makePeople = (seed: number, count: number, days: Calendar): People => {
  const random = prng(seed, "people");
  const phoneOf = phoneBook(prng(seed, "phones"));
  const emailOf = mailbox(prng(seed, "emails"));
  const people: Person[] = [];
  const addresses: Address[] = [];
  const heads: Person[] = [];
  let trapped = 0;

  for (let id = 1; id <= count; id += 1) {
    const joined = random.int(60, 1400);
    const left = random.chance(formerShare) ? random.int(25, Math.min(joined - 20, 500)) : undefined;
    const parent = heads.length > 0 && random.chance(branchShare) ? random.pick(heads.slice(-6)) : undefined;
    const neighbour = people.length > 0 && random.chance(householdShare) ? random.pick(people.slice(-40)) : undefined;
    const culture =
      (parent ?? neighbour)?.culture ?? random.weighted(cultures.map((each) => [each, each.weight] as const));
    const first = random.pick(culture.given);
    const last = neighbour !== undefined && random.chance(0.7) ? neighbour.last : random.pick(culture.family);
    const head = parent === undefined && neighbour === undefined && random.chance(0.03);
    if (neighbour === undefined) addresses.push(makeAddress(addresses.length + 1, culture, joined, random));
    const person: Person = {
      id,
      externalId: random.chance(0.9) ? `usr_${random.code(12)}` : null,
      parent,
      first,
      last,
      email: emailOf(first, last),
      phone: random.chance(0.75) ? phoneOf(culture.country) : null,
      birthDate: random.chance(0.6) ? days.day(random.int(19 * 365, 80 * 365)) : null,
      company: parent?.company ?? (head ? random.pick(companies) : null),
      culture,
      addressId: neighbour?.addressId ?? addresses.length,
      joined,
      left,
      trap: left !== undefined && random.chance(0.12) ? traps[trapped++ % traps.length] : undefined,
    };
    if (head) heads.push(person);
    people.push(person);
  }
  return { people, addresses };
};

/** Unique addresses at domains that RFC 2606 reserves; one in twelve is written with capitals, as people do. */
const mailbox = (random: Prng): ((first: Name, last: Name) => string) => {
  const taken = new Map<string, number>();
  return (first, last) => {
    const local = `${first.latin}.${last.latin}`;
    const seen = (taken.get(local) ?? 0) + 1;
    taken.set(local, seen);
    const plain = `${local}${seen === 1 ? "" : String(seen)}@${random.pick(["example.org", "example.com", "example.net"])}`;
    return random.chance(1 / 12) ? plain.replaceAll(/(^|[.])[a-z](?=.*@)/g, (start) => start.toUpperCase()) : plain;
  };
};

const makeAddress = (id: number, culture: Culture, joined: number, random: Prng): Address => {
  const city = random.pick(culture.cities);
  return {
    id,
    line1: random.pick(culture.streets).replace("#", String(random.int(1, 180))),
    postcode: `${city.postcode}${culture.country === "GB" ? ` ${random.int(1, 9)}AA` : String(random.int(100, 999))}`,
    city: city.name,
    region: city.region,
    country: culture.country,
    since: joined,
  };
};
