import type { Calendar } from "#demo/calendar.ts";
import { plans } from "#demo/catalogue.ts";
import type { Address, Person } from "#demo/people.ts";
import { prng } from "#demo/prng.ts";
import type { Row } from "#demo/tables.ts";

export type Activity = Readonly<
  Record<"support_tickets" | "ticket_messages" | "sessions" | "consents" | "workflows" | "analytics_events", Row[]>
>;

/** Months of tracked behaviour. */
export const eventMonths = 13;

const subjects = [
  "Question about my bill",
  "Device does not start",
  "Change of address",
  "Cannot log in",
  "Cancel, please",
];
const agents = [
  "Hello {first}, thank you for writing. We have sent a link to {email}.",
  "Dear {first} {last}, we tried {phone} without luck. When may we call again?",
  "This is settled now. Kind regards, your support team",
];
const pleas = [
  "Hi, this is {first} {last}. Please write to {email} or call {phone}.",
  "My name is {last}, first name {first}. The app says my address {email} is unknown!",
  "I have moved; {phone} is still my number. {first}",
  "It worked, many thanks.",
];
const agentsOfBrowsers = [
  "Mozilla/5.0 (X11; Linux x86_64)",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0)",
  "Mozilla/5.0 (Windows NT 10.0)",
];
const events = ["page_view", "page_view", "page_view", "login", "search", "play", "checkout"];
const purposes = ["newsletter", "product analytics", "partner offers"];
const kinds = ["renewal reminder", "win-back mails", "device return"];

/** What customers did and said: tickets in free text, sessions, consents, workflows, tracked events. */
export const makeActivity = (
  seed: number,
  people: readonly Person[],
  { addresses, invoices }: { readonly addresses: readonly Address[]; readonly invoices: readonly Row[] },
  days: Calendar,
): Activity => {
  // What somebody pays for is tracked when it is invoiced: the latest first, since events go back no further than a year.
  const bills = Map.groupBy(invoices, (invoice) => invoice["customer_id"]);
  const random = prng(seed, "activity");
  const rows: Activity = {
    support_tickets: [],
    ticket_messages: [],
    sessions: [],
    consents: [],
    workflows: [],
    analytics_events: [],
  };
  // 192.0.2.0/24, 198.51.100.0/24 and 203.0.113.0/24 are documentation ranges (RFC 5737).
  const ip = (): string => `${random.pick(["192.0.2", "198.51.100", "203.0.113"])}.${random.int(1, 254)}`;
  const second = (): number => random.int(0, 86_399);

  for (const person of people) {
    const until = person.left ?? 1;
    for (let index = random.int(0, 2); index > 0; index -= 1) addTicket(person, random.int(until, person.joined));
    for (let index = random.int(0, 4); index > 0; index -= 1) {
      rows.sessions.push({
        id: random.code(26),
        user_ref: person.externalId,
        ip: ip(),
        user_agent: random.pick(agentsOfBrowsers),
        started_at: days.moment(random.int(until, Math.min(until + 60, person.joined)), second()),
      });
    }
    for (const purpose of purposes) {
      if (!random.chance(0.7)) continue;
      rows.consents.push({
        id: rows.consents.length + 1,
        customer_id: person.id,
        purpose,
        granted_on: days.day(person.joined),
        withdrawn_on: person.left !== undefined && random.chance(0.5) ? days.day(person.left) : null,
        source_ip: ip(),
      });
    }
    if (person.trap === "running-workflow" || random.chance(0.2)) addWorkflow(person, until);
    addEvents(person, until);
  }
  for (const country of new Set(people.map(({ culture }) => culture.country))) {
    for (const { name } of plans) addNameless(country, name);
  }
  return rows;

  // Of people who were forgotten before: the next are not the first of their country and plan, however small the company is.
  function addNameless(country: string, plan: string): void {
    for (let index = 0; index < 6; index += 1) {
      rows.analytics_events.push({
        occurred_at: days.moment(200, 0),
        customer_id: null,
        session_ref: null,
        event: "page_view",
        country,
        city: null,
        plan,
        amount: "0.00",
        device_id: null,
        url: null,
        properties: null,
      });
    }
  }

  function addTicket(person: Person, ago: number): void {
    const id = rows.support_tickets.length + 1;
    const at = second();
    const say = (text: string): string =>
      text
        .replaceAll("{first}", person.first.written)
        .replaceAll("{last}", person.last.written)
        .replaceAll("{email}", person.email)
        .replaceAll("{phone}", person.phone ?? "me");
    rows.support_tickets.push({
      id,
      customer_id: person.id,
      subject: say(`${random.pick(subjects)}${random.chance(0.2) ? " ({first} {last})" : ""}`),
      status: person.left === undefined && random.chance(0.1) ? "open" : "closed",
      channel: random.pick(["e-mail", "chat", "telephone"]),
      opened_at: days.moment(ago, at),
    });
    for (let index = 0; index < random.int(2, 4); index += 1) {
      const author = index % 2 === 0 ? "customer" : "agent";
      rows.ticket_messages.push({
        id: rows.ticket_messages.length + 1,
        ticket_id: id,
        author,
        body: say(random.pick(author === "customer" ? pleas : agents)),
        sent_at: days.moment(Math.max(ago - index, 1), at),
      });
    }
  }

  function addWorkflow(person: Person, until: number): void {
    rows.workflows.push({
      id: rows.workflows.length + 1,
      customer_id: person.id,
      kind: random.pick(kinds),
      status:
        person.trap === "running-workflow" || (person.left === undefined && random.chance(0.3))
          ? "running"
          : random.pick(["stopped", "finished"]),
      payload: JSON.stringify({
        to: person.email,
        tags: [person.culture.locale, person.first.written],
        step: random.int(1, 4),
      }),
      started_at: days.moment(random.int(until, person.joined), second()),
    });
  }

  function nextBill(person: Person, since: string): Row | undefined {
    const bill = bills.get(person.id)?.pop();
    return bill !== undefined && String(bill["issued_on"]) >= since ? bill : undefined;
  }

  function addEvents(person: Person, until: number): void {
    const oldest = Math.min(person.joined, eventMonths * 30);
    if (until >= oldest) return;
    const city = addresses[person.addressId - 1]?.city ?? null;
    const device = `dev-${random.code(16)}`;
    const plan = random.pick(plans);
    for (let index = random.int(6, 18); index > 0; index -= 1) {
      const event = random.pick(events);
      const moment = days.moment(random.int(until, oldest), second());
      const bill = event === "checkout" ? nextBill(person, days.day(oldest)) : undefined;
      rows.analytics_events.push({
        occurred_at: bill === undefined ? moment : `${String(bill["issued_on"])}${moment.slice(10)}`,
        customer_id: person.id,
        session_ref: random.code(26),
        event,
        country: person.culture.country,
        city,
        plan: plan.name,
        amount: bill === undefined ? "0.00" : (bill["total"] ?? "0.00"),
        device_id: device,
        url: `https://shop.example/${event}?uid=${person.externalId ?? "anonymous"}`,
        properties: JSON.stringify({
          referrer: "https://search.example/",
          user: { mail: person.email, locale: person.culture.locale },
        }),
      });
    }
  }
};
