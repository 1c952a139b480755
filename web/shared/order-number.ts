/** An order number in groups of three, as people read it to each other: "386 669 816". */
export function grouped(number: string): string {
  return number.replace(/(\d{3})(?=\d)/g, "$1 ");
}
