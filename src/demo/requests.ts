import type { Calendar } from "#demo/calendar.ts";
import type { Company } from "#demo/generate.ts";
import type { Person } from "#demo/people.ts";
import { prng } from "#demo/prng.ts";

/** A letter-box of erasure requests, and who is in it: for the summary of the demo and for tests. */
export type LetterBox = {
  /** received,email,phone,external_id,ground */
  readonly csv: string;
  readonly lines: number;
  /** Nothing keeps these from being erased tonight. */
  readonly free: readonly Person[];
  /** A blocker of the policy holds these. */
  readonly held: readonly Person[];
  /** Who wrote each record below the header, in its order; undefined where it names no customer. */
  readonly senders: readonly (Person | undefined)[];
};

type Line = {
  readonly ago: number;
  readonly person?: Person;
  readonly cells: readonly [email: string, phone: string, externalId: string, ground: string];
};

/**
 * About sixty requests as they come in: most of them can be carried out; some are blocked, late, repeated in other words,
 * wrong, or of somebody who was never a customer.
 */
export const writeLetters = (seed: number, company: Company, days: Calendar): LetterBox => {
  const random = prng(seed, "requests");
  const former = company.people.filter((person) => person.left !== undefined && person.trap === undefined);
  const special = [
    ...sharesWithLiving(company, former).slice(0, 3),
    ...headsOfBranches(company, former).slice(0, 1),
    ...former.filter(({ parent }) => parent !== undefined).slice(0, 2),
    ...giversOfGifts(company, former).slice(0, 2),
    ...settlesOthers(company, former).slice(0, 1),
  ];
  const chosen = new Set(special);
  while (chosen.size < Math.min(44, former.length)) chosen.add(random.pick(former));
  const free = [...chosen];
  const trapped = Map.groupBy(company.people, ({ trap }) => trap);
  const living = company.people.filter(({ id, left }) => left === undefined && isActive(company, id));
  const held = [
    ...[...trapped].flatMap(([trap, people]) => (trap === undefined ? [] : people.slice(0, 1))),
    ...living.slice(10, 13),
  ];

  const letter = (person: Person, ago: number): Line => {
    const ground = random.pick(["a", "b", "b", "b", "c"]);
    const way = random.int(1, 6);
    if (way === 1 && person.externalId !== null) return { ago, person, cells: ["", "", person.externalId, ground] };
    if (way === 2 && person.phone !== null) return { ago, person, cells: ["", spoken(person.phone), "", ground] };
    const phone = way <= 4 && person.phone !== null ? spoken(person.phone) : "";
    return { ago, person, cells: [person.email, phone, way === 6 ? (person.externalId ?? "") : "", ground] };
  };

  const tied = tiedToOthers(company);
  const lines: Line[] = [];
  const insistent = free.filter(({ phone }) => phone !== null).slice(-3);
  for (const [index, person] of free.entries()) {
    if (insistent.includes(person)) continue;
    // Every eleventh letter lay about for six weeks: past its month, carried out tonight, whichever policy it is.
    const late = index % 11 === 5 && !tied.has(person.id);
    lines.push(letter(person, late ? random.int(40, 45) : random.int(3, 24)));
  }
  for (const person of held) lines.push(letter(person, random.int(3, 24)));
  lines.push(...repetitions(insistent));
  lines.push(
    { ago: 8, cells: ["julia.winter(at)example.org", "", "", "b"] },
    { ago: 6, cells: ["someone.else@example.net", "", "", "z"] },
    { ago: 5, cells: ["", "", "", "b"] },
    { ago: 4, cells: ["never.a.customer@example.com", "", "", "a"] },
  );
  const ordered = lines.toSorted((one, other) => other.ago - one.ago);
  const rows = ordered.map(({ ago, cells }) => [days.day(ago), ...cells].map(quoted).join(","));
  rows.push('31.12.,"late.riser@example.org",,,b');
  return {
    csv: `received,email,phone,external_id,ground\n${rows.join("\n")}\n`,
    lines: rows.length,
    free,
    held,
    senders: [...ordered.map(({ person }) => person), undefined],
  };
};

/** Two letters each: the second with capitals, or by telephone only. The first named both, so that they can be joined. */
const repetitions = (people: readonly Person[]): readonly Line[] =>
  people.flatMap((person, index): Line[] => {
    const { email, phone } = person;
    return [
      { ago: 26 + index, person, cells: [email, phone ?? "", "", "b"] },
      { ago: 2, person, cells: index === 0 ? [email.toUpperCase(), "", "", "b"] : ["", spoken(phone ?? ""), "", "b"] },
    ];
  });

/** As people write numbers: `+49 30 23125 123`. */
const spoken = (e164: string): string => `${e164.slice(0, 3)} ${e164.slice(3, 5)} ${e164.slice(5, 9)} ${e164.slice(9)}`;

const quoted = (cell: string): string => (/[",\s]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

const sharesWithLiving = (company: Company, former: readonly Person[]): readonly Person[] => {
  const lived = new Set(company.people.filter(({ left }) => left === undefined).map(({ addressId }) => addressId));
  return former.filter(({ addressId }) => lived.has(addressId));
};

const headsOfBranches = (company: Company, former: readonly Person[]): readonly Person[] => {
  const heads = new Set(company.people.map(({ parent }) => parent));
  return former.filter((person) => heads.has(person));
};

/** Heads of branches, givers and receivers of gifts: some policy lets each of them wait. */
const tiedToOthers = (company: Company): ReadonlySet<unknown> =>
  new Set([
    ...company.people.map(({ parent }) => parent?.id),
    ...(company.tables.get("gifts") ?? []).flatMap((gift) => [gift["gifter_id"], gift["recipient_id"]]),
  ]);

const giversOfGifts = (company: Company, former: readonly Person[]): readonly Person[] => {
  const givers = new Set(company.tables.get("gifts")?.map((gift) => gift["gifter_id"]));
  return former.filter(({ id }) => givers.has(id));
};

/** A credit note of theirs was allocated to somebody else's invoice. */
const settlesOthers = (company: Company, former: readonly Person[]): readonly Person[] => {
  const customerOf = (table: string): Map<unknown, unknown> =>
    new Map(company.tables.get(table)?.map((row) => [row["id"], row["customer_id"]]));
  const [notes, invoices] = [customerOf("credit_notes"), customerOf("invoices")];
  const crossed = company.tables
    .get("credit_note_allocations")
    ?.map((row) => [notes.get(row["credit_note_id"]), invoices.get(row["invoice_id"])])
    .filter(([owner, debtor]) => owner !== debtor);
  const owners = new Set(crossed?.map(([owner]) => owner));
  return former.filter(({ id }) => owners.has(id));
};

const isActive = (company: Company, id: number): boolean =>
  company.tables.get("subscriptions")?.some((row) => row["customer_id"] === id && row["status"] === "active") ?? false;
