/** One message: the same sentence in Chinese and in English. */
export interface Message {
  readonly zh: string;
  readonly en: string;
}

type NamesIn<S extends string> = S extends `${string}{${infer Inside}}${infer Rest}`
  ? (Inside extends `${infer Name}:${string}` ? Name : Inside) | NamesIn<Rest>
  : never;

/** The parameters a message takes, read from its braces; none, where it has none. */
export type ParametersOf<M extends Message> = [NamesIn<M["zh"] | M["en"]>] extends [never]
  ? []
  : [values: Record<NamesIn<M["zh"] | M["en"]>, string | number>];

/**
 * Fills `{name}` in. `{count:item|items}` writes the number and then the first word for one, the second for others.
 *
 * `fillIn("{count:item|items} in your bag", { count: 1 })` → "1 item in your bag".
 */
export function fillIn(template: string, values: Readonly<Record<string, string | number>>): string {
  return template.replace(/\{(\w+)(?::([^|}]*)\|([^}]*))?\}/g, (_whole, name: string, one?: string, many?: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`message parameter ${name} is missing in: ${template}`);
    return one === undefined ? String(value) : `${value} ${Number(value) === 1 ? one : many}`;
  });
}

/** The names of the parameters in a text, sorted: both languages of a message need the same ones. */
export function parameterNames(template: string): string[] {
  return [...new Set([...template.matchAll(/\{(\w+)(?::[^}]*)?\}/g)].map((match) => match[1]!))].sort();
}
