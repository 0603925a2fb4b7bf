/** Controllers for which a law may say something else. */
export const sectors = ["banking-or-insurance"] as const;
export type Sector = (typeof sectors)[number];

/** When the fiscal year begins unless the controller says otherwise: month and day. */
export const calendarYear = "01-01";

/** Whose deadlines hold for a request (policies/deadlines.yaml). */
export const regimeNames = ["gdpr", "uk", "ccpa"] as const;
export type RegimeName = (typeof regimeNames)[number];
