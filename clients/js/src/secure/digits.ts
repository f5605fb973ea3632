/** A safety number as it is shown: twelve groups of five digits. */
export const groupsOf = (digits: string): string[] => digits.match(/\d{5}/g) ?? [];
