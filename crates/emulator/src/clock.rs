//! Points in time in UTC, to the second, as the Web API writes them.

use std::time::{SystemTime, UNIX_EPOCH};

/// A unit of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unit {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl Unit {
    /// Returns `Day` for days and longer units, which are counted from the start of the day, and `Minute` for shorter ones, which are
    /// counted from the current minute.
    pub(crate) fn min_day(self) -> Unit {
        match self {
            Unit::Minute | Unit::Hour => Unit::Minute,
            Unit::Day | Unit::Week | Unit::Month | Unit::Year => Unit::Day,
        }
    }
}

/// Seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) i64);

impl Moment {
    pub(crate) fn now() -> Moment {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Moment(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
    }

    pub(crate) fn minus_seconds(self, seconds: i64) -> Moment {
        Moment(self.0.saturating_sub(seconds))
    }

    /// Adds a number of units, which may be negative. If the month lacks the day, the result is the last day of the month.
    pub(crate) fn plus(self, unit: Unit, number: i64) -> Moment {
        let seconds = match unit {
            Unit::Minute => 60,
            Unit::Hour => 3_600,
            Unit::Day => 86_400,
            Unit::Week => 7 * 86_400,
            Unit::Month => return self.plus_months(number),
            Unit::Year => return self.plus_months(number.saturating_mul(12)),
        };
        Moment(self.0.saturating_add(number.saturating_mul(seconds)))
    }

    fn plus_months(self, number: i64) -> Moment {
        let (year, month, day) = civil(self.0.div_euclid(86_400));
        // farther than any calendar reaches
        let number = number.clamp(-120_000, 120_000);
        let months = year * 12 + month - 1 + number;
        let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
        let (next_year, next) = if month == 12 {
            (year + 1, 1)
        } else {
            (year, month + 1)
        };
        let length = days(next_year, next, 1) - days(year, month, 1);
        let date = days(year, month, day.min(length));
        Moment(date * 86_400 + self.0.rem_euclid(86_400))
    }

    /// The start of the current unit. Weeks start on Sunday.
    pub(crate) fn start_of(self, unit: Unit) -> Moment {
        let day = self.0.div_euclid(86_400);
        let (year, month, _) = civil(day);
        match unit {
            Unit::Minute => Moment(self.0.div_euclid(60) * 60),
            Unit::Hour => Moment(self.0.div_euclid(3_600) * 3_600),
            Unit::Day => Moment(day * 86_400),
            // January 1, 1970 was a Thursday
            Unit::Week => Moment((day - (day + 4).rem_euclid(7)) * 86_400),
            Unit::Month => Moment(days(year, month, 1) * 86_400),
            Unit::Year => Moment(days(year, 1, 1) * 86_400),
        }
    }

    /// Year, month and day.
    pub(crate) fn date(self) -> (i32, u8, u8) {
        let (year, month, day) = civil(self.0.div_euclid(86_400));
        // months and days always fit, and years that do not are meaningless
        let narrow = |number: i64| u8::try_from(number).unwrap_or(1);
        (
            i32::try_from(year).unwrap_or(i32::MAX),
            narrow(month),
            narrow(day),
        )
    }

    /// `2026-05-01T08:00:00Z`.
    pub(crate) fn iso(self) -> String {
        let (days, second) = (self.0.div_euclid(86_400), self.0.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        format!(
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
            second / 3_600,
            second / 60 % 60,
            second % 60
        )
    }

    /// Parses `2026-05-01T08:00:00Z`. The time is optional.
    pub(crate) fn parse(text: &str) -> Option<Moment> {
        let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
        let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        let seconds = match text.get(10..11) {
            None => 0,
            Some("T") => {
                let (hour, minute) = (number(11..13)?, number(14..16)?);
                let second = number(17..19).unwrap_or(0);
                if !(0..24).contains(&hour)
                    || !(0..60).contains(&minute)
                    || !(0..60).contains(&second)
                {
                    return None;
                }
                hour * 3_600 + minute * 60 + second
            }
            Some(_) => return None,
        };
        let date = days(year, month, day);
        // February has no 30th day.
        let exists = civil(date) == (year, month, day);
        exists.then_some(Moment(date * 86_400 + seconds))
    }
}

/// Days from 1970 to a civil date (proleptic Gregorian calendar, with years that start in March).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_back_as_they_were_written() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2024-02-29T23:59:59Z",
            "2026-11-22T17:25:22Z",
            "2000-03-01T00:00:01Z",
        ] {
            assert_eq!(Moment::parse(text).expect("a moment").iso(), text);
        }
        assert_eq!(Moment::parse("2026-13-01"), None);
        assert_eq!(Moment::parse("no"), None);
    }

    #[test]
    fn units_are_counted_by_the_calendar() {
        let moment = |text| Moment::parse(text).expect("a moment");
        for (from, unit, number, to) in [
            (
                "2024-01-31T10:00:00Z",
                Unit::Month,
                1,
                "2024-02-29T10:00:00Z",
            ),
            (
                "2024-03-31T10:00:00Z",
                Unit::Month,
                -13,
                "2023-02-28T10:00:00Z",
            ),
            (
                "2024-02-29T00:00:00Z",
                Unit::Year,
                1,
                "2025-02-28T00:00:00Z",
            ),
            (
                "2026-12-31T23:59:59Z",
                Unit::Week,
                1,
                "2027-01-07T23:59:59Z",
            ),
        ] {
            assert_eq!(moment(from).plus(unit, number).iso(), to);
        }
        for (unit, start) in [
            (Unit::Hour, "2026-11-25T17:00:00Z"),
            (Unit::Day, "2026-11-25T00:00:00Z"),
            (Unit::Week, "2026-11-22T00:00:00Z"),
            (Unit::Month, "2026-11-01T00:00:00Z"),
            (Unit::Year, "2026-01-01T00:00:00Z"),
        ] {
            assert_eq!(moment("2026-11-25T17:25:22Z").start_of(unit).iso(), start);
        }
    }
}
