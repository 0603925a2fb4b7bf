import { z } from "zod";
import { policySchema } from "#policy/schema/document.ts";

/** What editors check policies against and show on hover: JSON Schema, draft 2020-12, of a policy as people write it. */
export const jsonSchema = () => z.toJSONSchema(policySchema, { io: "input" });

/** As `policies/policy.schema.json` holds it, but for the line break at its end. */
export const jsonSchemaText = (): string => JSON.stringify(jsonSchema(), undefined, 2);
