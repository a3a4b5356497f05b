//! The current date, in the format of the project file.

use std::time::{SystemTime, UNIX_EPOCH};

use deskstate_model::is_date;

/// Today in UTC, as `YYYY-MM-DD`.
pub(crate) fn utc() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    of_days(i64::try_from(seconds / 86_400).unwrap_or(0))
}

/// Now in UTC, as `YYYY-MM-DDTHH:MM:SSZ`.
pub(crate) fn moment() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let day = of_days(i64::try_from(seconds / 86_400).unwrap_or(0));
    let second = seconds % 86_400;
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!("{day}T{hour:02}:{minute:02}:{:02}Z", second % 60)
}

/// The date of a number of days since 1970-01-01, in the proleptic Gregorian calendar.
fn of_days(days: i64) -> String {
    // Eras of 400 years that begin on 1 March of year 0 all have the same length.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Parses a day from the command line.
pub(crate) fn day(text: &str) -> Result<String, String> {
    if is_date(text) {
        Ok(text.to_owned())
    } else {
        Err("write a date as 2027-01-31".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_by_the_calendar() {
        for (days, date) in [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (19_782, "2024-02-29"),
            (19_783, "2024-03-01"),
            (20_818, "2026-12-31"),
            (-1, "1969-12-31"),
        ] {
            assert_eq!(of_days(days), date);
        }
        assert!(day("2026-1-1").is_err() && day("2026-01-01").is_ok());
    }
}
