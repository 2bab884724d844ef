/** A point in time: milliseconds since 1970-01-01 UTC, by the clock of whoever says it. */
export type Instant = number;
