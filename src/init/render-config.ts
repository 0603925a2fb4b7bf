import Holidays from "date-holidays";
import { prose, scalar } from "#init/yaml-text.ts";

export type ConfigDraft = {
  readonly organisation: string | undefined;
  /** ISO 3166-1; undefined when the user did not say. */
  readonly country: string | undefined;
  readonly store: string;
  /** The environment variable that holds the store's address. */
  readonly variable: string;
  /** Relative to the configuration. */
  readonly policy: string;
  readonly schemas: readonly string[];
};

export const defaultCountry = "DE";

/** `lethe.yaml` for one store, its address taken from the environment. */
export const renderConfig = ({ organisation, country, store, variable, policy, schemas }: ConfigDraft): string => {
  const place = country ?? defaultCountry;
  const [zone] = new Holidays(place).getTimezones() ?? [];
  const review = (given: unknown, what: string): string => (given === undefined ? `  # review: ${what}` : "");
  return `# Drafted by \`lethe init\`. \${LETHE_…} is filled in from the environment; secrets do not belong into this file.
controller:
  name: ${prose(organisation ?? "Your organisation")}${review(organisation, "who is responsible for the data")}
  country: ${place}${review(country, "whose public holidays move deadlines")}
  dpo: dpo@example.org  # review: whom subjects and auditors write to
  # fiscal_year_begins: '04-01'  # when it is not the calendar year: some laws count from its end
  time_zone: ${zone ?? "UTC"}${review(undefined, "days of receipt, schedules and report dates are this zone's")}

# Lethe's own records: an embedded PostgreSQL in .lethe/ beside this file. Apart from the store, so that restoring the
# store never rolls them back. For a server of your own: { url: '\${LETHE_STATE_URL}' }
state: { embedded: lethe }

stores:
  ${store}:
    url: '\${${variable}}'
    policy: ${scalar(policy)}
    schemas: [${schemas.map(scalar).join(", ")}]

# Where backups of the store lie; those older than keep_days (30 at most) are purged every night.
# backups:
#   nightly-dumps: { kind: directory, store: ${store}, path: backups, keep_days: 30 }

# Encrypted copies of what is erased, to the public key of whoever may read them (age-keygen makes one).
# export: { directory: exports, recipients: [age1…] }

reports: { directory: reports/out }
schedule: { nightly: '0 2 * * *' }
keys: { signing: keys/signing.pem, pseudonym: keys/pseudonym.key }
`;
};
