/** A company with visitors in ClickHouse: nine people, some of whom ask to be forgotten. */
export const customers = `create table customers (id int primary key, email text unique);
  insert into customers select n, 'p' || n || '@shop.example' from generate_series(1, 9) n;`;

export const webPolicy = `
policy: web
version: 1
effective: 2026-01-01
owner: dpo@shop.example
subject: { table: events, key: user_id, key_of: shop, identifiers: { email: email } }
links: ['pageviews.visitor -> events.user_id']
tables:
  events:
    treatment: anonymise
    quasi: [country, at]
    k: 3
    clock: at
    conserve: [count, sum(amount)]
    columns:
      user_id: { set: null }
      email: { set: '' }
      at: { truncate: month }
      country: { generalise: { map: { DE: Europe, FR: Europe }, otherwise: elsewhere } }
      amount: keep
  pageviews: { treatment: erase }
  plans: { treatment: keep, reason: nothing about people }
`;

/** Whoever goes needs no company. */
export const noGate = webPolicy.replace("    quasi: [country, at]\n    k: 3\n", "");

/** Parts go at once, and what they hold can be found in their files with plain tools. */
const soon = "old_parts_lifetime = 1";

export const webTables: readonly string[] = [
  "create database web",
  `create table web.events (user_id Nullable(UInt32), email String codec(NONE), at DateTime('UTC'), country LowCardinality(String), amount Decimal(12, 2))
    engine = MergeTree partition by toYYYYMM(at) order by (country, at) settings ${soon}`,
  `create table web.pageviews (visitor UInt32, url String codec(NONE)) engine = MergeTree order by visitor settings ${soon}`,
  "create table web.plans (name String) engine = MergeTree order by name",
  `insert into web.events select number % 9 + 1, concat('p', toString(number % 9 + 1), '@shop.example'), toDateTime('2026-01-15 12:00:00', 'UTC') + number * 3600,
    ['DE', 'FR', 'US'][number % 3 + 1], number / 4 from numbers(900)`,
  "insert into web.pageviews select number % 9 + 1, concat('/account?mail=p', toString(number % 9 + 1), '@shop.example') from numbers(90)",
  "insert into web.plans values ('pro')",
];

/** What a night must leave alone, and what it makes of the rows of those who asked: order-independent. */
export const webState = `select
    (select count() from web.events) as rows,
    (select toString(sum(amount)) from web.events) as amount,
    (select groupArray(line) from (select concat(country, ' ', toString(at), ' ', toString(count()), ' ', toString(sum(amount))) as line
      from web.events where user_id is null group by country, at order by country, at)) as nobody,
    (select toString(sum(sipHash64(user_id, email, at, country, amount))) from web.events where user_id is not null) as others,
    (select groupUniqArray(visitor) from (select visitor from web.pageviews order by visitor)) as visitors,
    (select count() from system.tables where database = 'web') as tables`;

/** Three of them, so that nobody is alone. */
export const three = [1, 2, 4].map((n) => ({ email: `p${n}@shop.example` }));
