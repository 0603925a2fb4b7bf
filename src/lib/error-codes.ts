/**
 * Every code that Lethe can report, with the exit status of the outside contract.
 * A closed union: users script against codes, tests assert them, messages may be reworded.
 */
const exits = {
  // usage and configuration
  USAGE: 2,
  CONFIG_MISSING: 2,
  CONFIG_INVALID: 2,
  CONFIG_VARIABLE_UNSET: 2,
  KEY_MISSING: 2,
  KEY_EXPOSED: 2,
  KEY_INVALID: 2,
  FILE_EXISTS: 2,

  // intake
  IMPORT_EMPTY: 1,
  IMPORT_ENCODING: 1,
  IMPORT_HEADER: 1,
  IMPORT_MALFORMED: 1,
  IMPORT_NOT_A_WORKBOOK: 1,
  IMPORT_TOO_WIDE: 1,
  IMPORT_UNREADABLE: 1,
  REQUEST_UNKNOWN: 1,
  REQUEST_STATE: 1,
  REQUEST_INVALID: 1,
  TASK_UNKNOWN: 1,
  TASK_STATE: 1,

  // policy against itself and against the store
  POLICY_MISSING: 3,
  POLICY_INVALID: 3,
  POLICY_TABLE_MISSING: 3,
  POLICY_COLUMN_MISSING: 3,
  POLICY_TABLE_UNCOVERED: 3,
  POLICY_COLUMN_UNCOVERED: 3,
  POLICY_CONTRADICTION: 3,
  POLICY_CASCADE: 3,
  POLICY_CYCLE: 3,
  POLICY_UNREACHABLE: 3,
  POLICY_REMEDY_RETAINED: 3,
  POLICY_REMEDY_CYCLE: 3,
  POLICY_STATUTORY: 3,
  POLICY_EXAMPLE: 3,
  STORE_UNSUPPORTED: 3,

  // databases
  DATABASE_REFUSED: 1,
  DATABASE_LOST: 1,
  DATABASE_READ_ONLY: 1,
  DATABASE_PRIVILEGE: 1,
  DATABASE_FAILED: 1,
  EMBEDDED_FAILED: 1,
  ROW_SECURITY: 1,

  // the night
  RUN_IN_PROGRESS: 1,
  RUN_STOPPED: 1,
  CLOCK_WENT_BACK: 1,
  TOTALS_CHANGED: 1,
  FIGURE_CHANGED: 1,
  REMEDY_INCOMPLETE: 1,
  STILL_VISIBLE: 1,
  BACKUPS_UNREADABLE: 1,
  LEDGER_CORRUPT: 1,
  REPORT_UNWRITABLE: 1,
  EXPORT_UNWRITABLE: 1,
  INTERNAL: 1,

  // evidence
  EVIDENCE_MISSING: 4,
  EVIDENCE_TAMPERED: 4,
  EVIDENCE_KEY: 4,
} as const;

export type ErrorCode = keyof typeof exits;

export const exitOf = (code: ErrorCode): number => exits[code];
