import { data } from "date-holidays/data";
import { validate as validCron } from "node-cron";
import { Temporal } from "temporal-polyfill";
import { z } from "zod";
import { recipientMistake } from "#lib/age-recipient.ts";
import { calendarYear, regimeNames, sectors } from "#records/controller.ts";

const text = z.string().min(1);

/** Succeeds when `attempt` neither throws nor answers false. */
const holds = (attempt: () => unknown): boolean => {
  try {
    return attempt() !== false;
  } catch {
    return false;
  }
};

const name = (what: string) =>
  z
    .string()
    .regex(/^[a-z][a-z0-9_-]{0,62}$/, `${what} begins with a small letter and holds small letters, digits, _ and -`);

const postgresUrl = text.refine(
  (url) => holds(() => /^postgres(ql)?:$/.test(new URL(url).protocol)),
  "not a PostgreSQL address: postgres://user:password@host:5432/database",
);

const clickhouseUrl = text.refine((url) => {
  if (!URL.canParse(url)) return false;
  const { protocol, pathname } = new URL(url);
  return /^https?:$/.test(protocol) && /^\/[A-Za-z_][A-Za-z0-9_]*$/.test(pathname);
}, "not an address of ClickHouse with its database: https://user:password@host:8443/database");

const databaseName = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,62}$/, "a database name begins with a small letter and holds small letters, digits and _");

const inMilliseconds = (duration: string): number => Math.round(Temporal.Duration.from(duration).total("milliseconds"));

/** At most what PostgreSQL accepts as a timeout: 2^31 - 1 milliseconds. */
const timeout = z
  .string()
  .refine(
    (duration) =>
      holds(() => {
        const milliseconds = Temporal.Duration.from(duration).total("milliseconds");
        return milliseconds >= 1 && milliseconds < 2 ** 31;
      }),
    "expected an ISO 8601 duration of days, hours, minutes or seconds, such as PT5S or PT10M",
  )
  .transform(inMilliseconds);

// Only the names are looked up here. What computes the holidays of a year takes longer to load than all else of this file,
// and few commands need it.
const countries = data.holidays;

/** Whether public holidays are known for an ISO 3166-1 code. */
export const isCountry = (code: string): boolean => /^[A-Z]{2}$/.test(code) && Object.hasOwn(countries, code);

const isRegionOf = (country: string, region: string): boolean =>
  Object.hasOwn(countries[country]?.states ?? countries[country]?.regions ?? {}, region);

const cron = z
  .string()
  .refine(
    (expression) => holds(() => validCron(expression)),
    "not a cron expression: minute hour day month weekday, such as 0 2 * * *",
  );

const controller = z
  .strictObject({
    name: text,
    country: z.string().refine(isCountry, "expected a country by its two capital letters (ISO 3166-1), such as DE"),
    region: text.optional(),
    dpo: text,
    regime: z.enum(regimeNames).optional(),
    sector: z.enum(sectors).optional(),
    fiscal_year_begins: z
      .string()
      .refine(
        (day) => /^\d\d-\d\d$/.test(day) && holds(() => Temporal.PlainMonthDay.from(day)),
        "expected month and day, such as 04-01 for the first of April",
      )
      .refine((day) => day !== "02-29", "must be a day that every year has: 02-28 or 03-01")
      .default(calendarYear),
    time_zone: z
      .string()
      .refine(
        (zone) =>
          /^[A-Z]/i.test(zone) && holds(() => Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(zone)),
        "expected a time zone by its IANA name, such as Europe/Berlin",
      ),
  })
  .refine(
    ({ country, region }) => region === undefined || !Object.hasOwn(countries, country) || isRegionOf(country, region),
    {
      path: ["region"],
      error:
        "not a region of the country that holidays are known for: its ISO 3166-2 code without the country, such as BE",
    },
  );

const placeShape = { url: postgresUrl.optional(), embedded: databaseName.optional() };
const onePlace = ({ url, embedded }: { url?: string | undefined; embedded?: string | undefined }): boolean =>
  (url === undefined) !== (embedded === undefined);

const state = z
  .strictObject(placeShape)
  .refine(onePlace, "say where the database is: either `url` or `embedded`")
  .default({ embedded: "lethe" });

const postgresOnly = ["schemas", "expire_rows", "lock_timeout"] as const;

/** A database of PostgreSQL; or of ClickHouse, on a server or, with its data in a directory, in this process. */
const store = z
  .strictObject({
    ...placeShape,
    clickhouse: z
      .union([clickhouseUrl, z.strictObject({ directory: text, database: databaseName.default("default") })], {
        error: "expected an address such as https://user:password@host:8443/database, or `directory` and `database`",
      })
      .optional(),
    policy: text,
    schemas: z.array(text).min(1).optional(),
    batch: z.int().min(1).max(100_000).optional(),
    expire_rows: z.int().min(1).optional(),
    lock_timeout: timeout.optional(),
    statement_timeout: timeout.default(inMilliseconds("PT10M")),
    parts_timeout: timeout.optional(),
  })
  .superRefine((written, found) => {
    const { url, embedded, clickhouse } = written;
    if ([url, embedded, clickhouse].filter((place) => place !== undefined).length !== 1) {
      found.addIssue({
        code: "custom",
        message: "say where the database is: either `url`, `embedded` or `clickhouse`",
      });
      return;
    }
    const foreign = clickhouse === undefined ? (["parts_timeout"] as const) : postgresOnly;
    for (const key of foreign) {
      if (written[key] === undefined) continue;
      const of = clickhouse === undefined ? "ClickHouse" : "PostgreSQL";
      found.addIssue({ code: "custom", path: [key], message: `\`${key}\` is for stores of ${of}` });
    }
  });

const repository = {
  store: text,
  keep_days: z
    .int()
    .min(1)
    .max(30, "must be at most 30: backups are purged after at most 30 days, because that is what subjects are promised")
    .default(30),
};

/** Credentials never stand in the file: an address with some is refused. */
const bucketEndpoint = text.refine((url) => {
  if (!URL.canParse(url)) return false;
  const { protocol, username, password, pathname, search, hash } = new URL(url);
  return /^https?:$/.test(protocol) && `${username}${password}${search}${hash}` === "" && pathname === "/";
}, "not the address of a server alone, without account, password and path: https://s3.example:9000");

const backup = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("directory"), path: text, wal: text.optional(), ...repository }),
  z.strictObject({
    kind: z.literal("s3"),
    bucket: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$/, "must be a bucket's name"),
    prefix: z.string().default(""),
    endpoint: bucketEndpoint.optional(),
    region: text.default("us-east-1"),
    force_path_style: z.boolean().optional(),
    profile: text.optional(),
    ...repository,
  }),
  z.strictObject({
    kind: z.literal("pgbackrest"),
    stanza: z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_-]*$/, "must be a stanza's name"),
    repo: z.int().min(1).max(256).default(1),
    config: text.optional(),
    program: text.default("pgbackrest"),
    ...repository,
  }),
  z.strictObject({
    kind: z.literal("restic"),
    repository: text,
    password_file: text,
    tag: z
      .string()
      .regex(/^[^,\s-][^,\s]*$/, "must be one tag")
      .optional(),
    program: text.default("restic"),
    ...repository,
  }),
]);

const schedule = z
  .strictObject({
    nightly: cron.optional(),
    erase: cron.optional(),
    verify: cron.optional(),
    expire: cron.optional(),
    backups: cron.optional(),
    drill: cron.optional(),
    report: cron.optional(),
  })
  .default({ nightly: "0 2 * * *" });

const recipient = z.string().superRefine((key, found) => {
  const message = recipientMistake(key);
  if (message !== undefined) found.addIssue({ code: "custom", message });
});

const exports = z.strictObject({ directory: text.default("exports"), recipients: z.array(recipient).min(1) });

/** `lethe.yaml` as people write it, after `${LETHE_…}` has been filled in. */
export const configSchema = z.strictObject({
  controller,
  state,
  stores: z
    .record(name("a store's name"), store)
    .refine((stores) => Object.keys(stores).length > 0, "name at least one store")
    .refine(
      (stores) =>
        Object.values(stores).some(({ clickhouse }) => clickhouse === undefined) || Object.keys(stores).length === 0,
      "name at least one store of PostgreSQL: a bare number as key is one of the first store",
    ),
  backups: z.record(name("a backup repository's name"), backup).default({}),
  drill: z.strictObject({ programs: text.optional(), directory: text.optional() }).default({}),
  reports: z.strictObject({ directory: text.default("reports/out") }).default({ directory: "reports/out" }),
  export: exports.optional(),
  schedule,
  keys: z
    .strictObject({ signing: text.default("keys/signing.pem"), pseudonym: text.default("keys/pseudonym.key") })
    .default({ signing: "keys/signing.pem", pseudonym: "keys/pseudonym.key" }),
  warn_days: z.int().min(0).max(30).default(7),
});

/** What the file says, once it is valid. */
export type Written = z.output<typeof configSchema>;
