import { Problem } from "../shared/api.ts";
import { fillIn } from "../shared/messages/format.ts";
import { messages } from "../shared/messages.ts";

/** Refusals whose words send a shopper to our staff. */
const FOR_SHOPPERS = ["product_unknown", "product_recalled", "price_missing"] as const;

/** A refusal in words for staff: those of the server are for the shopper, who scans the same goods. */
export function forStaff(problem: Problem): Problem {
  const code = FOR_SHOPPERS.find((one) => one === problem.code);
  if (code === undefined) return problem;
  const { gtin = "", name_zh = "", name_en = "" } = problem.details as Readonly<Record<string, string>>;
  const words = messages[`console.problem.${code}`];
  const scanned = gtin.replace(/^0+(?=\d{8})/, "");
  const zh = fillIn(words.zh, { code: scanned, name: name_zh || name_en });
  const en = fillIn(words.en, { code: scanned, name: name_en || name_zh });
  return new Problem({ ...problem.details, code, zh, en, permanent: problem.permanent }, problem.status);
}
