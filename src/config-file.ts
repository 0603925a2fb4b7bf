import path from "node:path";
import { exportMistakes, folderOf, logMistakes, sharedMistakes } from "#config-backups.ts";
import { configSchema, type Written } from "#config-schema.ts";
import type { BackupConfig, ColumnLocation, Config, Location } from "#config.ts";
import type { Place } from "#lib/errors.ts";
import type { Mistake, Places } from "#lib/mistakes.ts";
import { refuseMistakes } from "#lib/mistakes.ts";
import { nearest } from "#lib/nearest.ts";
import { readText } from "#lib/read-text.ts";
import { readYaml } from "#lib/yaml-document.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

const hint = "mend the configuration; nothing was started";

/**
 * Reads `lethe.yaml`, fills `${LETHE_…}` from `env`, validates, makes paths absolute.
 *
 * Throws `CONFIG_MISSING`, `CONFIG_VARIABLE_UNSET` or `CONFIG_INVALID` with file, line and column. Values are never
 * quoted: after filling in, any of them may be a secret.
 */
export const loadConfig = async (file: string, env: Environment): Promise<Config> => {
  const text = await readText(file, {
    what: "configuration",
    missing: "CONFIG_MISSING",
    invalid: "CONFIG_INVALID",
    hint: "write one with `lethe init <postgres-url>`, or name another with --config",
  });
  const variables = variableFiller(env);
  // Validation of what is left unfilled would hide the cause, so the variables are reported first.
  const document = (() => {
    try {
      return readYaml({ file, text, schema: configSchema, code: "CONFIG_INVALID", hint, fill: variables.fill });
    } catch (error) {
      variables.refuse();
      throw error;
    }
  })();
  variables.refuse();
  refuseMistakes("CONFIG_INVALID", crossMistakes(document.value, document, path.dirname(path.resolve(file))), hint);
  return configOf(path.resolve(file), document.value);
};

const variableFiller = (env: Environment): { fill: (text: string, place: Place) => string; refuse: () => void } => {
  const unset: Mistake[] = [];
  const foreign: Mistake[] = [];
  const fill = (text: string, place: Place): string =>
    text.replaceAll(/\$\{([^}]*)\}/g, (whole, name: string) => {
      if (!/^LETHE_[A-Z0-9_]+$/.test(name)) {
        foreign.push({ place, what: "only variables whose names begin with LETHE_ are filled in: ${LETHE_…}" });
        return whole;
      }
      const value = env[name];
      if (value !== undefined && value !== "") return value;
      unset.push({
        place,
        what: `the environment variable ${name} is not set`,
        hint: `export ${name} before you run this`,
      });
      return whole;
    });
  const refuse = (): void => {
    refuseMistakes("CONFIG_INVALID", foreign, "rename the variable, in the configuration and in the environment");
    refuseMistakes("CONFIG_VARIABLE_UNSET", unset, "export the variable before you run this");
  };
  return { fill, refuse };
};

/** What one part of the file says about another. */
const crossMistakes = (written: Written, places: Places, directory: string): Mistake[] => {
  const mistakes: Mistake[] = [];
  for (const [name, { store }] of Object.entries(written.backups)) {
    if (Object.hasOwn(written.stores, store)) continue;
    const meant = nearest(store, Object.keys(written.stores));
    mistakes.push({
      place: places.valuePlaceOf(["backups", name, "store"]),
      what: `backups.${name}.store: there is no such store`,
      hint:
        meant === undefined ? `use one of: ${Object.keys(written.stores).join(", ")}` : `did you mean \`${meant}\`?`,
    });
  }
  mistakes.push(
    ...exportMistakes(written, places, directory),
    ...logMistakes(written, places, directory),
    ...sharedMistakes(written, places, directory),
  );
  const taken = new Set([identity(written.state)]);
  for (const [name, store] of Object.entries(written.stores)) {
    const key = identity(store);
    if (taken.has(key)) {
      mistakes.push({
        place: places.placeOf(["stores", name]),
        what: `stores.${name}: two parts of the configuration name the same database`,
        hint: "give each store a database of its own, apart from Lethe's `state`: restoring a store must not roll the ledger back",
      });
    }
    taken.add(key);
  }
  return mistakes;
};

type WrittenPlace = { readonly url?: string | undefined; readonly embedded?: string | undefined };
type WrittenStore = Written["stores"][string];

const identity = ({ url, embedded, clickhouse }: WrittenPlace & Pick<WrittenStore, "clickhouse">): string => {
  if (clickhouse !== undefined) {
    // One process works on one such directory at a time.
    if (typeof clickhouse !== "string") return "clickhouse in this process";
    const { host, pathname } = new URL(clickhouse);
    return `clickhouse ${host} ${pathname}`;
  }
  if (url === undefined) return `embedded ${embedded ?? ""}`;
  const { hostname, port, pathname, search } = new URL(url);
  return `${hostname} ${port === "" ? "5432" : port} ${pathname} ${hostname === "" ? search : ""}`;
};

const locationOf = ({ url, embedded }: WrittenPlace): Location =>
  url === undefined ? { embedded: embedded ?? "lethe" } : { url };

const columnLocationOf = (
  written: NonNullable<WrittenStore["clickhouse"]>,
  absolute: (relative: string) => string,
): ColumnLocation => {
  if (typeof written !== "string") return { directory: absolute(written.directory), database: written.database };
  const url = new URL(written);
  const database = url.pathname.slice(1);
  url.pathname = "";
  return { url: url.href, database };
};

const configOf = (file: string, written: Written): Config => {
  const directory = path.dirname(file);
  const absolute = (relative: string): string => path.resolve(directory, relative);
  const { controller, schedule, keys } = written;
  return {
    file,
    directory,
    controller: {
      name: controller.name,
      country: controller.country,
      region: controller.region,
      dpo: controller.dpo,
      regime: controller.regime,
      sector: controller.sector,
      fiscalYearBegins: controller.fiscal_year_begins,
      timeZone: controller.time_zone,
    },
    state: locationOf(written.state),
    stores: Object.entries(written.stores).flatMap(([name, store]) =>
      store.clickhouse === undefined
        ? {
            name,
            location: locationOf(store),
            policy: absolute(store.policy),
            schemas: store.schemas ?? ["public"],
            batch: store.batch ?? 1_000,
            expireRows: store.expire_rows ?? 1_000_000,
            lockTimeoutMs: store.lock_timeout ?? 5_000,
            statementTimeoutMs: store.statement_timeout,
          }
        : [],
    ),
    columnStores: Object.entries(written.stores).flatMap(([name, store]) =>
      store.clickhouse === undefined
        ? []
        : {
            name,
            location: columnLocationOf(store.clickhouse, absolute),
            policy: absolute(store.policy),
            // Every batch rewrites all parts that hold rows of it.
            batch: store.batch ?? 10_000,
            statementTimeoutMs: store.statement_timeout,
            partsTimeoutMs: store.parts_timeout ?? 1_800_000,
          },
    ),
    backups: Object.entries(written.backups).map(([name, backup]): BackupConfig => {
      const common = { name, store: backup.store, keepDays: backup.keep_days };
      if (backup.kind === "directory") {
        const wal = backup.wal === undefined ? {} : { wal: absolute(backup.wal) };
        return { ...common, kind: backup.kind, path: absolute(backup.path), ...wal };
      }
      if (backup.kind === "s3") {
        const { kind, bucket, endpoint, region, profile } = backup;
        return {
          ...common,
          kind,
          bucket,
          prefix: folderOf(backup.prefix),
          endpoint,
          region,
          // Servers of one's own seldom have a name in the DNS for each bucket.
          forcePathStyle: backup.force_path_style ?? endpoint !== undefined,
          profile,
        };
      }
      if (backup.kind === "restic") {
        const { kind, repository, password_file: passwordFile, tag, program } = backup;
        const place = /^[a-z0-9]+:/.test(repository) ? repository : absolute(repository);
        return { ...common, kind, repository: place, passwordFile: absolute(passwordFile), tag, program };
      }
      const { kind, stanza, repo, program } = backup;
      const configFile = backup.config === undefined ? undefined : absolute(backup.config);
      return { ...common, kind, stanza, repo, program, configFile };
    }),
    drill: {
      programs: written.drill.programs && absolute(written.drill.programs),
      directory: written.drill.directory && absolute(written.drill.directory),
    },
    reports: { directory: absolute(written.reports.directory) },
    export: written.export && { ...written.export, directory: absolute(written.export.directory) },
    schedule: Object.fromEntries(
      Object.entries(schedule).filter((entry): entry is [string, string] => entry[1] !== undefined),
    ),
    keys: { signing: absolute(keys.signing), pseudonym: absolute(keys.pseudonym) },
    warnDays: written.warn_days,
  };
};
