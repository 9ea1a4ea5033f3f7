/**
 * A day of the (proleptic Gregorian) calendar, without time or zone.
 *
 * @module
 */

/** Days since 1970-01-01, in the range of an int. */
export class LocalDate {
  readonly epochDay: number;

  private constructor(epochDay: number) {
    this.epochDay = epochDay;
  }

  static ofEpochDay(epochDay: number): LocalDate {
    if ((epochDay | 0) !== epochDay) throw new RangeError(`${epochDay} is no day number of 32 bits`);
    return new LocalDate(epochDay);
  }

  /** Month and day count from 1. Throws a RangeError for a day that does not exist. */
  static of(year: number, month: number, day: number): LocalDate {
    const date = LocalDate.ofEpochDay(daysFromCivil(year, month, day));
    if (date.year !== year || date.month !== month || date.day !== day) {
      throw new RangeError(`there is no day ${year}-${month}-${day}`);
    }
    return date;
  }

  /** Reads `2026-11-23`. Throws a RangeError for anything else. */
  static parse(text: string): LocalDate {
    const parts = /^([+-]?\d{4,7})-(\d\d)-(\d\d)$/.exec(text);
    if (parts === null) throw new RangeError(`${JSON.stringify(text)} is no date like 2026-11-23`);
    return LocalDate.of(Number(parts[1]), Number(parts[2]), Number(parts[3]));
  }

  get year(): number {
    return civilFromDays(this.epochDay)[0];
  }

  /** From 1. */
  get month(): number {
    return civilFromDays(this.epochDay)[1];
  }

  /** From 1. */
  get day(): number {
    return civilFromDays(this.epochDay)[2];
  }

  plusDays(days: number): LocalDate {
    return LocalDate.ofEpochDay(this.epochDay + days);
  }

  /** Below zero, zero or above, as this is before, at or after the other. */
  compare(other: LocalDate): number {
    return this.epochDay - other.epochDay;
  }

  toString(): string {
    const [year, month, day] = civilFromDays(this.epochDay);
    const digits = Math.abs(year).toString().padStart(4, "0");
    const sign = year < 0 ? "-" : year > 9999 ? "+" : "";
    return `${sign}${digits}-${month.toString().padStart(2, "0")}-${day.toString().padStart(2, "0")}`;
  }

  toJSON(): string {
    return this.toString();
  }
}

const ERA_DAYS = 146_097;

/** After H. Hinnant, "chrono-compatible low-level date algorithms": years begin in March, eras have 400 years. */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * ERA_DAYS + dayOfEra - 719_468;
}

function civilFromDays(days: number): [year: number, month: number, day: number] {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / ERA_DAYS);
  const dayOfEra = shifted - era * ERA_DAYS;
  const leap = Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leap) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return [year, month, dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1];
}
