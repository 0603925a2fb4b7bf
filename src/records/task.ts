/** What a recipient has to do about one record is open until somebody says what became of it. */
export const taskStates = ["open", "done", "failed"] as const;
export type TaskState = (typeof taskStates)[number];

/** What somebody can say of it. */
export type SettledState = Exclude<TaskState, "open">;
