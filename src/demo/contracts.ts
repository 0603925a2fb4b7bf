import type { Calendar } from "#demo/calendar.ts";
import { accessories, benefits, devices, plans, type Plan } from "#demo/catalogue.ts";
import type { Address, Person } from "#demo/people.ts";
import { prng, type Prng } from "#demo/prng.ts";
import { money, type Row } from "#demo/tables.ts";

/** A subscription with what billing needs of it; `from` and `to` count days back from today. */
export type Contract = {
  readonly id: number;
  readonly person: Person;
  readonly plan: Plan;
  readonly from: number;
  readonly to: number | undefined;
  readonly device: (typeof devices)[number] | undefined;
  readonly status: string;
};

export type Contracts = {
  readonly contracts: readonly Contract[];
  readonly rows: Readonly<Record<ContractTable, Row[]>>;
};
type ContractTable =
  | "payment_methods"
  | "subscriptions"
  | "gifts"
  | "benefit_grants"
  | "orders"
  | "order_lines"
  | "devices";

const brands = ["Visa", "Mastercard", "girocard", "American Express"];

/** What customers agreed to: payment methods, subscriptions, gifts, benefits, orders and rented devices. */
export const makeContracts = (
  seed: number,
  people: readonly Person[],
  addresses: readonly Address[],
  days: Calendar,
): Contracts => {
  const random = prng(seed, "contracts");
  const rows: Contracts["rows"] = {
    payment_methods: [],
    subscriptions: [],
    gifts: [],
    benefit_grants: [],
    orders: [],
    order_lines: [],
    devices: [],
  };
  const contracts: Contract[] = [];

  for (const person of people) {
    const method = addMethod(person);
    // Everybody but a few who only ever ordered has had a subscription.
    const wanted = random.chance(0.05)
      ? 0
      : random.weighted([
          [1, 6],
          [2, 3],
          [3, 1],
        ] as const);
    for (let index = 0; index < wanted; index += 1) addContract(person, method, index === wanted - 1);
    const orders = random.int(1, 3) + (person.trap === "pending-order" ? 1 : 0);
    for (let index = 0; index < orders; index += 1) addOrder(person, index === 0);
  }
  addGifts();
  for (let spare = 0; spare < 60; spare += 1) addDevice(undefined, random.pick(devices).productId, "available", 0, 0);
  return { contracts, rows };

  function addMethod(person: Person): number {
    const first = rows.payment_methods.length + 1;
    for (let index = random.int(1, 2); index > 0; index -= 1) {
      rows.payment_methods.push({
        id: rows.payment_methods.length + 1,
        customer_id: person.id,
        gateway: random.pick(["stripe", "adyen"]),
        gateway_token: `pm_${random.code(24)}`,
        brand: random.pick(brands),
        last4: String(random.int(1000, 9999)),
        holder_name: `${person.first.written} ${person.last.written}`,
        expires_on: days.day(-random.int(40, 1200)),
        created_at: days.moment(person.joined, random.int(0, 86_399)),
      });
    }
    return first;
  }

  function addContract(person: Person, method: number, last: boolean): void {
    const end = person.left ?? 1;
    const from = last ? random.int(end + 15, person.joined) : person.joined;
    const status = person.left !== undefined || !last ? "cancelled" : liveStatus(random);
    const to = status === "cancelled" ? (last ? end : random.int(end, from - 1)) : undefined;
    const contract: Contract = {
      id: contracts.length + 1,
      person,
      plan: random.pick(plans),
      from,
      to,
      device: random.chance(0.3) ? random.pick(devices) : undefined,
      status,
    };
    contracts.push(contract);
    rows.subscriptions.push({
      id: contract.id,
      customer_id: person.id,
      price_id: contract.plan.priceId,
      payment_method_id: method,
      status,
      quantity: person.company === null ? 1 : random.int(1, 5),
      started_on: days.day(from),
      ended_on: to === undefined ? null : days.day(to),
      metadata: JSON.stringify({
        channel: random.pick(["web", "app", "shop"]),
        ...(person.externalId === null ? {} : { external_id: person.externalId }),
        ...(random.chance(0.3) ? { receipt_to: person.email } : {}),
      }),
    });
    if (contract.device !== undefined) {
      addDevice(contract, contract.device.productId, to === undefined ? "rented_out" : "returned", from, to);
    }
    for (let index = random.int(0, 3); index > 0; index -= 1) {
      rows.benefit_grants.push({
        id: rows.benefit_grants.length + 1,
        customer_id: person.id,
        benefit_id: random.int(1, benefits.length),
        subscription_id: contract.id,
        licence_key: random.chance(0.4) ? `LK-${random.code(16).toUpperCase()}` : null,
        granted_at: days.moment(from, random.int(0, 86_399)),
        revoked_at: to === undefined ? null : days.moment(to, 86_399),
      });
    }
    if (last && person.trap === "device-out")
      addDevice(contract, random.pick(devices).productId, "rented_out", from, undefined);
  }

  function addDevice(
    contract: Contract | undefined,
    product: number,
    status: string,
    from: number,
    to: number | undefined,
  ): void {
    const id = rows.devices.length + 1;
    rows.devices.push({
      id,
      serial: `SN-${random.code(5).toUpperCase()}-${String(id).padStart(5, "0")}`,
      product_id: product,
      customer_id: contract?.person.id ?? null,
      subscription_id: contract?.id ?? null,
      status,
      rented_on: contract === undefined ? null : days.day(from),
      returned_on: contract === undefined || to === undefined ? null : days.day(to),
      label:
        contract !== undefined && random.chance(0.3)
          ? `${contract.person.first.written}'s ${random.pick(["desk", "kitchen", "bag"])}`
          : null,
    });
  }

  function addOrder(person: Person, first: boolean): void {
    const id = rows.orders.length + 1;
    const placed = random.int(person.left ?? 1, person.joined);
    const pending = first && (person.trap === "pending-order" || (person.left === undefined && random.chance(0.03)));
    const things = Array.from({ length: random.int(1, 2) }, () => random.pick(accessories));
    rows.orders.push({
      id,
      customer_id: person.id,
      shipping_address_id: random.chance(0.05) ? random.pick(addresses).id : person.addressId,
      status: pending ? "pending" : random.chance(0.04) ? "cancelled" : "fulfilled",
      placed_on: days.day(pending ? random.int(1, 6) : placed),
      total: money(things.reduce((sum, { cents }) => sum + cents, 0)),
      currency: "EUR",
      delivery_note: random.chance(0.15)
        ? `Ring at ${person.last.written}, or call ${person.phone ?? "the neighbour"}`
        : null,
    });
    for (const [index, thing] of things.entries()) {
      rows.order_lines.push({
        order_id: id,
        position: index + 1,
        product_id: thing.productId,
        quantity: 1,
        unit_price: money(thing.cents),
      });
    }
  }

  function addGifts(): void {
    for (const contract of contracts.filter(() => random.chance(0.03))) {
      const gifter = random.pick(people);
      if (gifter === contract.person) continue;
      rows.gifts.push({
        id: rows.gifts.length + 1,
        gifter_id: gifter.id,
        recipient_id: contract.person.id,
        subscription_id: contract.id,
        message: `Dear ${contract.person.first.written}, enjoy! Yours, ${gifter.first.written}`,
        status: "claimed",
        sent_on: days.day(contract.from),
      });
    }
  }
};

const liveStatus = (random: Prng): string =>
  random.weighted([
    ["active", 84],
    ["trialing", 4],
    ["past_due", 4],
    ["paused", 5],
    ["cancelled", 3],
  ] as const);
