import { ClickHouseLogLevel, createClient, type ClickHouseClient, type Row } from "@clickhouse/client";
import type { ColumnLocation } from "#config.ts";
import { clickhouseFailure } from "#clickhouse/failure.ts";
import { LetheError } from "#lib/errors.ts";

/**
 * Statements against one database of ClickHouse. Values never stand in their text, which ClickHouse logs and keeps with mutations: names and
 * numbers of ours go as parameters, what names people as rows of an INSERT. Instants come as ISO text in UTC, 64-bit integers as numbers.
 */
export type ColumnClient = {
  readonly database: string;
  /** All rows: for answers that do not grow with the data. */
  readonly rows: <R>(statement: string, values?: Values) => Promise<readonly R[]>;
  readonly stream: <R>(statement: string, values?: Values) => AsyncGenerator<readonly R[]>;
  readonly run: (statement: string, values?: Values) => Promise<void>;
  /** Streams rows, as arrays in the order of `columns`, into a table. */
  readonly insert: (
    table: string,
    columns: readonly [string, ...string[]],
    rows: AsyncIterable<readonly unknown[]>,
  ) => Promise<void>;
  readonly close: () => Promise<void>;
};

export type Values = Readonly<Record<string, string | number | readonly string[] | readonly number[]>>;

export type ColumnClientOptions = {
  readonly location: ColumnLocation;
  /** What the store is called in messages. Never the URL, which carries a password. */
  readonly label: string;
  readonly statementTimeoutMs: number;
};

/** What an account's profile may say else: to stop in the middle and call that the answer, to read less than there is, or a number that is only near. */
const wholeAnswers = {
  max_rows_to_read: "0",
  max_bytes_to_read: "0",
  max_result_rows: "0",
  max_result_bytes: "0",
  limit: "0",
  offset: "0",
  final: 0,
  apply_deleted_mask: 1,
  transform_null_in: 0,
  join_use_nulls: 0,
  prefer_column_name_to_alias: 0,
  skip_unavailable_shards: 0,
  read_overflow_mode: "throw",
  result_overflow_mode: "throw",
  timeout_overflow_mode: "throw",
  group_by_overflow_mode: "throw",
  sort_overflow_mode: "throw",
  set_overflow_mode: "throw",
  join_overflow_mode: "throw",
  distinct_overflow_mode: "throw",
  precise_float_parsing: 1,
} as const;

/** Connects at the first statement: a store that does not answer fails in the stage that needs it. */
export const openColumnClient = ({ location, label, statementTimeoutMs }: ColumnClientOptions): ColumnClient => {
  let opened: Promise<ClickHouseClient> | undefined;
  const settings = {
    output_format_json_quote_64bit_integers: 0,
    date_time_output_format: "iso",
    // Two equal blocks of rows are two blocks, not one sent twice.
    insert_deduplicate: 0,
    async_insert: 0,
    // A copy of a table has as many partitions as the table.
    max_partitions_per_insert_block: "0",
    // Dates before 1970 and after 2149 stay what they are.
    enable_extended_results_for_datetime_functions: 1,
    ...wholeAnswers,
    max_execution_time: Math.ceil(statementTimeoutMs / 1000),
    // The server's own, whatever the account's profile says: by it moments without a zone are partitioned and sorted.
    session_timezone: "",
  } as const;
  const client = (): Promise<ClickHouseClient> =>
    (opened ??= connect(location, label).then((connection) =>
      createClient({
        ...connection,
        database: location.database,
        request_timeout: statementTimeoutMs + 10_000,
        clickhouse_settings: settings,
        // What it logs quotes statements and rows.
        log: { level: ClickHouseLogLevel.OFF },
      }),
    ));
  const guarded = async <T>(work: (client: ClickHouseClient) => Promise<T>): Promise<T> => {
    try {
      return await work(await client());
    } catch (error) {
      throw clickhouseFailure(error, label);
    }
  };
  const ask = (statement: string, values: Values = {}) => ({ query: statement, query_params: { ...values } });

  async function* stream<R>(statement: string, values?: Values): AsyncGenerator<readonly R[]> {
    const result = await guarded((open) => open.query({ ...ask(statement, values), format: "JSONEachRow" }));
    try {
      for await (const rows of result.stream()) yield (rows as Row[]).map((row) => row.json<R>());
    } catch (error) {
      // What is no row is what the server says of an error, and quotes values.
      throw clickhouseFailure(error instanceof SyntaxError ? new Error("cut off") : error, label);
    }
  }

  return {
    database: location.database,
    rows: (statement, values) =>
      guarded(async (open) => (await open.query({ ...ask(statement, values), format: "JSONEachRow" })).json()),
    stream,
    run: (statement, values) => guarded(async (open) => void (await open.command(ask(statement, values)))),
    insert: async (table, columns, rows) => {
      for await (const values of inPieces(rows)) {
        await guarded((open) => open.insert({ table, columns: [...columns], values, format: "JSONCompactEachRow" }));
      }
    },
    close: async () => {
      await opened?.then((open) => open.close()).catch(() => undefined);
      if (opened !== undefined && "directory" in location) await leave();
    },
  };
};

/** In this process ClickHouse takes an INSERT with its rows as one text. */
const pieceSize = 10_000;

async function* inPieces(rows: AsyncIterable<readonly unknown[]>): AsyncGenerator<(readonly unknown[])[]> {
  let piece: (readonly unknown[])[] = [];
  for await (const row of rows) {
    piece.push(row);
    if (piece.length < pieceSize) continue;
    yield piece;
    piece = [];
  }
  if (piece.length > 0) yield piece;
}

type InProcess = { readonly createChdbConnection: (options: { readonly path: string }) => unknown };

/** Closing returns before the directory is free for somebody else. */
const leave = async (): Promise<void> => {
  const { drainPending } = (await import(inProcessPackage)) as { readonly drainPending: () => Promise<void> };
  await drainPending();
};

/** 500 MB that most do not need: whoever names a directory installs it. */
const inProcessPackage = "chdb";

const connect = async (location: ColumnLocation, label: string): Promise<object> => {
  if ("url" in location) return { url: location.url, application: "lethe" };
  const loaded = await import(`${inProcessPackage}/connection`).catch((error: unknown) => {
    throw new LetheError("STORE_UNSUPPORTED", `store ${label}: ClickHouse in this process needs the package chdb`, {
      hint: "install it beside Lethe: npm install --no-save chdb@3.4.0; or name a server",
      cause: error,
    });
  });
  const { createChdbConnection } = loaded as InProcess;
  return { connection: createChdbConnection({ path: location.directory }) };
};
