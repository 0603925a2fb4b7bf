import { money, type Row } from "#demo/tables.ts";

export type Plan = {
  readonly name: string;
  readonly productId: number;
  readonly priceId: number;
  readonly every: number;
  readonly cents: number;
};
export type Thing = { readonly name: string; readonly productId: number; readonly cents: number };

const planNames = [
  ["Basic", 2_970],
  ["Plus", 5_970],
  ["Family", 8_970],
  ["Pro", 11_970],
] as const;
const deviceNames = [
  ["Reader", 1_470],
  ["Speaker", 1_770],
  ["Tablet", 4_470],
] as const;
const accessoryNames = [
  ["Reader sleeve", 1_995],
  ["Charging dock", 2_995],
  ["Wall mount", 1_495],
  ["Travel case", 3_495],
] as const;

/** Every plan billed by the quarter and, ten per cent cheaper, by the year. */
export const plans: readonly Plan[] = planNames.flatMap(([name, cents], index) => [
  { name, productId: index + 1, priceId: 2 * index + 1, every: 91, cents },
  { name, productId: index + 1, priceId: 2 * index + 2, every: 365, cents: Math.round(cents * 3.6) },
]);
export const devices: readonly Thing[] = deviceNames.map(([name, cents], index) => ({
  name,
  productId: planNames.length + index + 1,
  cents,
}));
export const accessories: readonly Thing[] = accessoryNames.map(([name, cents], index) => ({
  name,
  productId: planNames.length + deviceNames.length + index + 1,
  cents,
}));
export const benefits = ["Early access", "Family sharing", "Offline reading", "Priority support", "Partner discount"];

export const productRows = (): Row[] => [
  ...planNames.map(([name], index) => ({ id: index + 1, sku: `PLAN-${name.toUpperCase()}`, name, kind: "plan" })),
  ...devices.map(({ name, productId }) => ({ id: productId, sku: `DEV-${productId}`, name, kind: "device" })),
  ...accessories.map(({ name, productId }) => ({ id: productId, sku: `ACC-${productId}`, name, kind: "accessory" })),
];

export const priceRows = (): Row[] => [
  ...plans.map((plan) => ({
    id: plan.priceId,
    product_id: plan.productId,
    currency: "EUR",
    amount: money(plan.cents),
    every: plan.every === 365 ? "year" : "quarter",
  })),
  ...[...devices, ...accessories].map(({ productId, cents }, index) => ({
    id: plans.length + index + 1,
    product_id: productId,
    currency: "EUR",
    amount: money(cents),
    every: "once",
  })),
];

export const benefitRows = (): Row[] =>
  benefits.map((name, index) => ({ id: index + 1, name, kind: index === 4 ? "partner" : "feature" }));
