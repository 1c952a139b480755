/**
 * `unqueue api | npm run api` (or `npm run api -- openapi.json`) compares shared/types.ts, which is written by hand so
 * that it can say more than a schema does, with what the server says of itself: the members of each object, and which
 * may be null.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

/** Interface here → schema of the server. */
const PAIRS: Readonly<Record<string, string>> = {
  Money: "Money",
  Discount: "LineDiscount",
  Line: "LineView",
  BasketPromotion: "PromotionView",
  Basket: "Basket",
  BasketCoupon: "BasketCoupon",
  TripStarted: "Opened",
  ScanBody: "Scan",
  LineAnswer: "ScanAnswer",
  BatchBody: "Batch",
  BatchAnswer: "BatchAnswer",
  ProductDetails: "ProductView",
  Payment: "PaymentView",
  PaymentMethod: "MethodView",
  Order: "OrderView",
  ExitPass: "PassView",
  Rotation: "Rotation",
  OfflineLane: "OfflineLane",
  Bags: "BagsView",
  Audit: "AuditView",
  AgeCheck: "AgeCheckView",
  Store: "StoreView",
  ReceiptLine: "ReceiptLine",
  Receipt: "ReceiptView",
  Suspect: "Suspect",
  OrderSummary: "OrderSummary",
  Call: "CallView",
};

interface Schema {
  readonly type?: string | readonly string[];
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
}

type Members = ReadonlyMap<string, { readonly nullable: boolean }>;

function isNullable(schema: Schema): boolean {
  if (schema.type === "null" || (Array.isArray(schema.type) && schema.type.includes("null"))) return true;
  return [...(schema.oneOf ?? []), ...(schema.anyOf ?? [])].some(isNullable);
}

function ofSchema(schema: Schema): Members {
  const entries = Object.entries(schema.properties ?? {});
  return new Map(entries.map(([name, property]) => [name, { nullable: isNullable(property) }]));
}

function ofInterface(checker: ts.TypeChecker, declared: ts.Type): Members {
  const members = new Map<string, { nullable: boolean }>();
  for (const property of checker.getPropertiesOfType(declared)) {
    const type = checker.getTypeOfSymbol(property);
    const parts = type.isUnion() ? type.types : [type];
    const absent = ts.TypeFlags.Null | ts.TypeFlags.Undefined;
    members.set(property.name, { nullable: parts.some(({ flags }) => (flags & absent) !== 0) });
  }
  return members;
}

/** Sentences about what differs; none where both agree. A request may leave out what the server gives a default. */
function differences(name: string, here: Members, there: Members): string[] {
  const found: string[] = [];
  for (const [member, { nullable }] of there) {
    const mine = here.get(member);
    if (mine === undefined) found.push(`${name}.${member} is missing here`);
    else if (nullable && !mine.nullable) found.push(`${name}.${member} may be null`);
  }
  for (const member of here.keys()) if (!there.has(member)) found.push(`${name}.${member} is unknown to the server`);
  return found;
}

const document = JSON.parse(readFileSync(process.argv[2] ?? 0, "utf8")) as {
  components: { schemas: Record<string, Schema> };
};
const path = join(import.meta.dirname, "shared", "types.ts");
const program = ts.createProgram([path], { strict: true, exactOptionalPropertyTypes: true });
const checker = program.getTypeChecker();
const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(path)!)!);

const found = Object.entries(PAIRS).flatMap(([name, schemaName]) => {
  const symbol = exported.find((each) => each.name === name);
  const schema = document.components.schemas[schemaName];
  if (symbol === undefined) return [`${name} is not in shared/types.ts`];
  if (schema === undefined) return [`${name}: the server has no ${schemaName}`];
  return differences(name, ofInterface(checker, checker.getDeclaredTypeOfSymbol(symbol)), ofSchema(schema));
});
for (const sentence of found) console.error(sentence);
console.log(found.length === 0 ? `${Object.keys(PAIRS).length} types agree with the server` : `${found.length} differ`);
process.exitCode = found.length === 0 ? 0 : 1;
