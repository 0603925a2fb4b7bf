import type { ColumnStoreConfig, StoreConfig } from "#config.ts";
import type { AnonymityItem } from "#report/anonymity-document.ts";
import type { Limit, RepositoryItem } from "#report/report-document.ts";
import type { ReportHead } from "#report/report-source.ts";

type Searched = {
  readonly stores: readonly Pick<StoreConfig, "name" | "schemas">[];
  readonly columnStores: readonly Pick<ColumnStoreConfig, "name">[];
};

/** What is told of analytics: what each measured table is called, and whether there are totals. */
export type Analysed = { readonly labels: readonly AnonymityItem["label"][]; readonly totals: boolean };

/** What the report does not claim, in the words an auditor would ask for (I12). */
export const limitsOf = (
  readAt: string,
  { stores, columnStores }: Searched,
  {
    backups,
    restores,
    stays,
    figures,
    tasks,
  }: Pick<ReportHead, "backups" | "restores" | "stays" | "figures" | "tasks">,
  { labels, totals }: Analysed,
): Limit[] => [
  {
    code: "READ_AT",
    text: `Requests, deadlines and backups stand as Lethe's own records showed them at ${readAt}.`,
  },
  ...stores.map(({ name, schemas }) => ({
    code: "SEARCHED",
    text:
      `Store ${name}: "erased" means that a search of the text, JSON and array columns of all tables in ` +
      `${schemas.length === 1 ? "schema" : "schemas"} ${schemas.join(", ")} after the change found none of the ` +
      `person's identifiers. Names alone are searched for in the person's own rows only.`,
  })),
  ...columnStores.map(({ name }) => ({
    code: "SEARCHED",
    text:
      `Store ${name}: "erased" means that the parts of ClickHouse that held the person's rows were gone from the disk of the ` +
      `server that was asked, and that a search of the text, JSON and array columns of all its tables found none of the person's ` +
      `identifiers. ClickHouse's own logs of queries, copies made by FREEZE and backups of it are not searched.`,
  })),
  {
    code: "NOT_SEARCHED",
    text:
      "Not searched: binary columns, other databases of the server, files beside it, the server's logs and write-ahead " +
      "log, row versions that no vacuum has removed yet, and every system that is not configured as a store.",
  },
  ...(stays.places.length === 0 ? [] : [left]),
  ...(figures.length === 0 ? [] : [wholeTables]),
  ...(tasks.length === 0 ? [] : [told]),
  ...backups.map(absence),
  ...(restores.length === 0 ? [] : [recognised]),
  {
    code: "OTHER_COPIES",
    text: "Copies of backups outside the configured repositories are unknown to Lethe.",
  },
  ...(labels.includes("de-identified") ? [deIdentified] : []),
  ...(labels.length === 0 ? [] : [measured]),
  ...(totals ? [withheld] : []),
  {
    code: "LEGAL_BASIS",
    text: "Legal bases and periods are those of the policy named by its digest. Lethe does not judge whether they are right.",
  },
];

const deIdentified: Limit = {
  code: "DE_IDENTIFIED",
  text: "Analytics that are called de-identified are not anonymous: people could still be recognised in them, by what is named beside each table.",
};

const measured: Limit = {
  code: "MEASURED",
  text:
    "k is measured on the whole table after the change, over the quasi-identifiers that the policy names and no others. It counts rows: once " +
    "nobody is in them, nobody can say which were one person's.",
};

const withheld: Limit = {
  code: "TOTALS_WITHHELD",
  text:
    "Totals that would describe fewer people than the threshold in a run are withheld, in the report of a longer time as in the run's own; " +
    "whether they are equal is still stated.",
};

const left: Limit = {
  code: "LEFT_ON_PURPOSE",
  text:
    "Where the policy leaves personal data, the search passes over those columns. They are listed with the rows in which the " +
    "column was not empty when the request was carried out; what the application does with them later Lethe does not see.",
};

const wholeTables: Limit = {
  code: "FIGURES",
  text:
    "Figures are of whole tables, read before and after in the changing transaction. Of a run over few requests the change tells " +
    "what those few did. What others wrote between two batches is told apart from what Lethe changed.",
};

const told: Limit = {
  code: "RECIPIENTS",
  text: "A recipient's task is done when somebody said so. Lethe has not looked into the recipient's systems.",
};

const recognised: Limit = {
  code: "RESTORES",
  text:
    "After a restore people are recognised by keyed hashes of their row's key and identifiers, as they were when they were erased. Released " +
    "means that the rows of everybody so recognised were erased again and searched for in that store, or that a person refused it. Records that " +
    "no root row leads to are not recognised, nor is a restore of single tables.",
};

const absence = ({ repository, kept, oldest, log, purged }: RepositoryItem): Limit => {
  const read = purged
    .flatMap((set) => (set.purgedAt === null ? [] : [set.purgedAt]))
    .toSorted()
    .at(-1);
  const gone =
    read === undefined
      ? "this run purged nothing from it"
      : `the ${purged.length} purged ${purged.length === 1 ? "set was" : "sets were"} absent from it when it was listed again at ${read}`;
  const rest =
    oldest === null
      ? "It holds no backup."
      : `It holds ${kept} ${kept === 1 ? "set" : "sets"}, the oldest of ${oldest}.`;
  const written = log === null ? "" : ` Its archive of the write-ahead log holds what was written since ${log.since}.`;
  return { code: "BACKUP_ABSENCE", text: `Backups ${repository}: ${gone}. ${rest}${written}` };
};
