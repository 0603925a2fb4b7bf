/** The five policies that ship, each of which runs on the sample company. */
export const samplePolicies = ["juicyway", "flexprice", "chargebee", "polar", "flexportal"] as const;
export type SamplePolicy = (typeof samplePolicies)[number];
